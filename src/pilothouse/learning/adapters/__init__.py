"""Adapters own the training libraries; nothing outside this folder imports one."""
