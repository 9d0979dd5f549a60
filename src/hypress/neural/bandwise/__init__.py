"""Band by band: the parts of a network of one interval (`model`), and a scene's intervals and streams (`coding`)."""
