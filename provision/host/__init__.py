"""One machine over SSH: connected to, asked, and led from step to step."""
