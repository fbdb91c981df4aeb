"""Files that settings point at.

1. A relative path is relative to the folder of the settings file, wherever the gateway is started.
2. A secret is read once, bounded and stripped. It is refused when anybody on the machine may read or write its file.
3. A secret's value is shown by no `repr` and named in no finding; its file is.
"""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, PlainValidator, ValidationInfo, WithJsonSchema

from gateway.declared.kinds import wrong

FOLDER: Final = "folder"  # key of the validation context: the folder of the settings file
SECRET_BYTES_MAX: Final = 64 * 1024
_PATH_SCHEMA: Final = WithJsonSchema({"type": "string", "minLength": 1})


@dataclass(frozen=True, slots=True)
class Secret:
    """What a secret file says, without the white space around it."""

    file: Path
    value: str = field(repr=False)


def placed(value: object, info: ValidationInfo) -> Path:
    """The path a setting names."""
    if not isinstance(value, str) or not value or "\x00" in value:
        raise wrong("expected the path of a file or folder", write="Write it absolute, or relative to the settings file.")
    context = info.context or {}
    return (Path(context[FOLDER]) / value) if FOLDER in context else Path(value)


def existing_file(path: Path) -> Path:
    if not path.is_file():
        raise wrong(f"there is no file {path}", write="Name a file that is there; a relative path starts at the settings file.")
    return path


def existing_folder(path: Path) -> Path:
    if not path.is_dir():
        raise wrong(f"there is no folder {path}", write="Name a folder that is there; a relative path starts at the settings file.")
    return path


def read_secret(value: object, info: ValidationInfo) -> Secret:
    """Opens first and asks afterwards, so that what was checked is what is read. Raises PydanticCustomError."""
    path = placed(value, info)
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as failed:
        raise wrong(f"{path} cannot be read: {failed.strerror}", write="Name a file the gateway's user can read.") from failed
    try:
        about = os.fstat(opened)
        if not stat.S_ISREG(about.st_mode):
            raise wrong(f"{path} is not a regular file", write="Name a file that holds the secret and nothing else.")
        if about.st_mode & 0o007:
            raise wrong(f"{path} is open to every user of this machine (mode {stat.S_IMODE(about.st_mode):04o})", write=f"Run: chmod o= {path}")
        content = os.read(opened, SECRET_BYTES_MAX + 1)
    finally:
        os.close(opened)
    return Secret(path, _text(path, content))


def _text(path: Path, content: bytes) -> str:
    if len(content) > SECRET_BYTES_MAX:
        raise wrong(f"{path} has more than {SECRET_BYTES_MAX} bytes", write="Name the file of one secret.")
    try:
        text = content.decode("ascii").strip()
    except UnicodeDecodeError:
        raise wrong(f"{path} is not ASCII", write="Write the secret as plain text.") from None
    if not text:
        raise wrong(f"{path} is empty", write="Write the secret into it.")
    return text


def one_line(secret: Secret) -> Secret:
    """For what travels in a header: visible ASCII on one line, spaces only inside."""
    if any(char < " " or char > "~" for char in secret.value):
        raise wrong(f"{secret.file} has more than one line of visible characters", write="Write the secret on one line.")
    return secret


def one_word(secret: Secret) -> Secret:
    if " " in secret.value:
        raise wrong(f"{secret.file} has a space inside", write="Write the key alone, without a scheme in front of it.")
    return secret


FilePath = Annotated[Path, PlainValidator(placed), AfterValidator(existing_file), _PATH_SCHEMA]
FolderPath = Annotated[Path, PlainValidator(placed), AfterValidator(existing_folder), _PATH_SCHEMA]
SomePath = Annotated[Path, PlainValidator(placed), _PATH_SCHEMA]
SecretFile = Annotated[Secret, PlainValidator(read_secret), AfterValidator(one_line), _PATH_SCHEMA]
OneWordFile = Annotated[Secret, PlainValidator(read_secret), AfterValidator(one_line), AfterValidator(one_word), _PATH_SCHEMA]
KeyFile = Annotated[Secret, PlainValidator(read_secret), _PATH_SCHEMA]
