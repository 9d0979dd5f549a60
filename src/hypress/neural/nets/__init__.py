"""Networks: tensors in, tensors out. They know nothing of bytes."""
