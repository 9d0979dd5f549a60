"""Networks that are trained beforehand: tensors in, tensors out. They know nothing of bytes."""
