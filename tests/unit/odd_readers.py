"""Classes with reading methods as Telethon writes them, and as it does not."""

# mypy: ignore-errors
# ruff: noqa: SIM108, F821, F841


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
