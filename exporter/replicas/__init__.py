"""Several exporters that share the work: who reads which share of the apps."""
