"""The contract: what travels between a unit and the gateway. Imports none of ours."""
