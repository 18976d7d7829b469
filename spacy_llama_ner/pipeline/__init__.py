"""The spaCy side: the component, its model and what it hands to the network. Does no tensor maths."""
