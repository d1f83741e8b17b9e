"""How a `torch.nn.Module` of the user is read, described and trained."""
