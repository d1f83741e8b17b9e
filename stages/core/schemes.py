"""The named initialisers that a sweep may hold beside its sigmas; torch-free."""

SCHEMES = (
    "pytorch_default",
    "xavier_normal",
    "xavier_uniform",
    "kaiming_normal",
    "kaiming_uniform",
    "orthogonal",
    "zeros",
    "constant",
    "lsuv",
    "identity",
)
