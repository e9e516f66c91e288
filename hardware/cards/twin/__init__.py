"""Cards in software: what an NTAG 424 DNA and a DESFire EV3 hold and answer, below the reader's driver."""
