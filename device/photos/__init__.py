"""Photos: stamped, kept on the medium, read for sending; a worker of their own, since all of it is slow."""
