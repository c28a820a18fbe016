"""The resources of the configuration, each declared in one file: its class, and its :class:`Kind`.

A kind says by what its resources are found, what they belong to, and who may do what with them;
:mod:`ryu_apps.control.config.model` lists the kinds that there are.
"""
