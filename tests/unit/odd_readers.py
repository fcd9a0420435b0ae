"""Classes with reading methods as Telethon writes them, and as it does not."""

# mypy: ignore-errors
# ruff: noqa: D101, F821, F841, SIM108

from functools import partialmethod


class Plain:
    """As Telethon writes it."""

    @classmethod
    def from_reader(cls, reader):
        flags = reader.read_int()

        _open = bool(flags & 4)
        if flags & 1:
            _name = reader.tgread_string()
        else:
            _name = None
        reader.read_int()
        _ids = []
        for _ in range(reader.read_int()):
            _x = reader.read_long()
            _ids.append(_x)

        return cls(open=_open, name=_name, ids=_ids)


class OtherElse:
    """Another name where the flag is not set."""

    @classmethod
    def from_reader(cls, reader):
        flags = reader.read_int()

        if flags & 1:
            _name = reader.tgread_string()
        else:
            _title = None
        return cls(name=_name)


class OtherList:
    """The items go into another list."""

    @classmethod
    def from_reader(cls, reader):
        reader.read_int()
        _ids = []
        for _ in range(reader.read_int()):
            _x = reader.read_long()
            _others.append(_x)

        return cls(ids=_ids)


class OtherItems:
    """Items of a kind that no vector holds."""

    @classmethod
    def from_reader(cls, reader):
        reader.read_int()
        _ids = []
        for _ in range(reader.read_int()):
            _x = reader.tgread_date()
            _ids.append(_x)

        return cls(ids=_ids)


class OtherCall:
    """A number of a kind that no field has."""

    @classmethod
    def from_reader(cls, reader):
        _speed = reader.read_float()
        return cls(speed=_speed)


class OtherWord:
    """A word of flags that was not read."""

    @classmethod
    def from_reader(cls, reader):
        flags = reader.read_int()

        _open = bool(flags2 & 1)
        return cls(open=_open)


class OtherArgument:
    """An argument that was not read."""

    @classmethod
    def from_reader(cls, reader):
        _id = reader.read_int()
        return cls(id=_id, name=_id)


class Twice:
    """A field that is read twice."""

    @classmethod
    def from_reader(cls, reader):
        _id = reader.read_int()
        _id = reader.read_int()
        return cls(id=_id)


class More:
    """A statement that reads nothing."""

    @classmethod
    def from_reader(cls, reader):
        _id = reader.read_int()
        _id += 1
        return cls(id=_id)


class Static:
    """No method of the class."""

    @staticmethod
    def from_reader(reader):
        return reader


class Nothing:
    """None at all."""


class Value:
    """None that is a function."""

    from_reader = classmethod(print)


def _outside(cls, reader):
    return cls(id=reader.read_int())


class Outside:
    """A function that does not stand in its class."""

    from_reader = classmethod(_outside)


class Nested:
    """With a function within, and a long list of arguments."""

    def from_reader(
        self,
        reader,
    ):
        return sorted(reader, key=lambda each: (each, 1.0))


nothing = None


class Numbered:
    """Read as a number; the classes below make something else of it."""

    @classmethod
    def from_reader(cls, reader):
        _id = reader.read_int()
        return cls(id=_id)

    def __init__(self, id=None, *, name=None):
        self.id = id
        self.name = name


class Asking(Numbered):
    def __init__(self, id):
        if id:
            self.id = id


class Pairing(Numbered):
    def __init__(self, id):
        self.id, self.other = id, id


class Calling(Numbered):
    def __init__(self, id):
        self.id = id
        sorted([id])


class CallingNobody(Numbered):
    def __init__(self, id):
        if not id:
            Missing.__init__(self, id)
        self.id = id


class CallingMissing(Numbered):
    def __init__(self, id):
        Missing.__init__(self, id)


class CallingWithout(Numbered):
    def __init__(self, id):
        options = {"id": id}
        Numbered.__init__(self, **options)


class CallingMore(Numbered):
    def __init__(self, id):
        Asking.__init__(self, id)


class Looping(Numbered):
    def __init__(self, id):
        for each in (id,):
            self.id = each


class Preset(Numbered):
    def __init__(self, id, other=3):
        self.id = id
        self.other = other


class Taking(Numbered):
    def __init__(self, *args, **kwargs):
        self.id = kwargs


class Rebinding(Numbered):
    def __init__(self, id):
        id = id + 1
        self.id = id


class Changing(Numbered):
    def __init__(self, id):
        value = id
        self.id = value
        value = 2
        self.other = value


class Looking(Numbered):
    def __init__(self, id):
        self.id = id.real


class LookingAtNothing(Numbered):
    def __init__(self, id):
        self.id = nothing


class New(Numbered):
    def __new__(cls, id):
        return super().__new__(cls)

    def __init__(self, id):
        self.id = id


def _apart(self, id):
    self.id = id


class Apart(Numbered):
    __init__ = _apart


class Partial(Numbered):
    __init__ = partialmethod(_apart)


class Refusing(Numbered):
    def __init__(self, id):
        self.id = missing


MAKERS = [
    Asking,
    Pairing,
    Calling,
    CallingNobody,
    CallingMissing,
    CallingWithout,
    CallingMore,
    Looping,
    Preset,
    Taking,
    Rebinding,
    Changing,
    Looking,
    LookingAtNothing,
    New,
    Apart,
    Partial,
    Refusing,
]


class Base(Numbered):
    def __init__(self, id, *, name=None):
        self.id = id
        self.name = name


class Derived(Numbered):
    """As messages do it: a value in a variable, and another class's `__init__`."""

    def __init__(self, id):
        """Say something."""
        double = id + id
        Base.__init__(self, double, name=id)
        self.kind = type(id)


class Strange(Numbered):
    """Takes something else than is read."""

    def __init__(self, other):
        self.other = other
