"""A lab that cannot be imported."""

raise RuntimeError("this lab is broken")
