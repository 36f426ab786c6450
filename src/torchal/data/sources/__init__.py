"""Where data sets come from: the name of a file here is the name of a source in YAML."""
