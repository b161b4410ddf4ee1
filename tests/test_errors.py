import inspect
import re

from flywheel.core import errors


def test_the_tree_in_the_docstring_is_the_tree_in_the_code():
    drawn, path = {}, []
    for indent, name in re.findall(r"^([│├└─ ]*)([A-Z]\w+(?:Error|Failure))\b", errors.__doc__, re.MULTILINE):
        depth = len(indent) // 4
        path[depth:] = [name]
        drawn[name] = path[depth - 1] if depth else "Exception"
    classes = dict(inspect.getmembers(errors, inspect.isclass))
    assert drawn == {name: some.__base__.__name__ for name, some in classes.items()}
    assert len(drawn) >= 12


def test_every_error_says_what_it_means():
    for name, some in inspect.getmembers(errors, inspect.isclass):
        assert some.__doc__, name
        assert some.__doc__ != Exception.__doc__, name
