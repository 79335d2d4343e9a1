"""The dashboard's pages: a module for each, its forms beside it. HTML out; nothing works by script alone."""
