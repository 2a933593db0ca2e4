"""Texts of small plugins, for tests that write them."""

from __future__ import annotations

TEMPLATE = """\
import ferbench
{imports}
@ferbench.hookimpl
def register_aggregators(register):
    register({class_name})

class {class_name}({base}):
    '''An aggregator.'''
    name = "{name}"
{body}"""


def aggregator_plugin(name: str, *body: str, base: str = "ferbench.Aggregator", imports: str = "") -> str:
    """A plugin with one aggregator; `body` are the lines of its `__call__(self, scores)`, by default that of its base."""
    call = "".join(f"    {line}\n" for line in ("def __call__(self, scores):", *(f"    {line}" for line in body)))
    return TEMPLATE.format(name=name, class_name=name.title(), base=base, imports=f"{imports}\n" * bool(imports), body=call if body else "")
