"""Set-partitioning coders of bit-planes: which coefficients matter is told of sets before it is told of each."""
