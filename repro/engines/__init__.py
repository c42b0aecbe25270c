"""Many machines: systems that run models elsewhere. Light: nothing is imported before it is named."""
