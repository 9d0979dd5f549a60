"""HiFiC at work: a scene's bands to a network's channels (`bands`), its parts (`model`), its streams (`coding`)."""
