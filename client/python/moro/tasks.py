"""
The built-in task types and the control methods, each described once for both clients.

A function here makes a Call: what is to be sent, and of which type the answer is. moro.methods makes
methods of them. A Call also goes to submit(): `client.submit(moro.tasks.hash(b"..."))`.
What the fields mean: worker/TASKS.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Generic, List, Mapping, Optional, Sequence, TypeVar, Union

from .files import File, FileLike, Range

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .options import Options

T = TypeVar("T")
Data = Union[str, bytes, bytearray, memoryview, File]
Map = Dict[str, Any]
Words = Union[str, Sequence[str]]
Key = Union[Data, Map]  # a map is {"name": NAME}: a key that the server has


class Call(Generic[T]):
    """A task or a request that is ready to be sent; T is its answer's type."""

    __slots__ = ("method", "params", "options")

    def __init__(self, method: str, params: List[Any], options: Mapping[str, Any]) -> None:
        self.method = method
        self.params = params
        self.options = options

    def __repr__(self) -> str:
        return f"<moro.Call {self.method}>"  # never the data: they may be secret


def camel(name: str) -> str:
    """max_output -> maxOutput; raise_ -> raise"""
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(map(str.title, rest))


def fields(**given: Any) -> Map:
    """A map under the names of the wire; None stands for a field that is left out."""
    return {camel(name): value for name, value in given.items() if value is not None}


def _call(method: str, data: Any, options: Mapping[str, Any]) -> Call[Any]:
    return Call(method, [data], options)


# ---- Tasks


def hash(
    input: Data, algorithm: Optional[str] = None, *, key: Optional[Key] = None, encoding: Optional[str] = None,
    **options: Unpack[Options],
) -> Call[Any]:
    """The digest of text or bytes; hexadecimal (str) without an encoding, bytes with "bin"."""
    return _call("crypto:hash", fields(input=input, algorithm=algorithm, key=key, encoding=encoding), options)


def encrypt(
    data: Data, key: Key, *, aad: Optional[Data] = None, algorithm: Optional[str] = None,
    kdf: Union[str, Map, None] = None, encoding: Optional[str] = None, **options: Unpack[Options],
) -> Call[Any]:
    """Encrypts and authenticates; the envelope is a str, or bytes with encoding "bin"."""
    given = fields(data=data, key=key, aad=aad, algorithm=algorithm, kdf=kdf, encoding=encoding)
    return _call("crypto:encrypt", given, options)


def decrypt(
    data: Data, key: Key, *, aad: Optional[Data] = None, algorithm: Optional[str] = None,
    kdf: Union[str, Map, None] = None, iv: Optional[Data] = None, **options: Unpack[Options],
) -> Call[Any]:
    """What is in an envelope: str if a str went in, bytes if bytes did."""
    return _call("crypto:decrypt", fields(data=data, key=key, aad=aad, algorithm=algorithm, kdf=kdf, iv=iv), options)


def random(length: Optional[int] = None, *, encoding: str = "bin", **options: Unpack[Options]) -> Call[Any]:
    """Random bytes, or with an encoding ("hex", "base64", "base64url") as str."""
    return _call("crypto:random", fields(length=length, encoding=encoding), options)


def generate_key(
    type: Optional[str] = None, *, bits: Optional[int] = None, curve: Optional[str] = None,
    encoding: Optional[str] = None, **options: Unpack[Options],
) -> Call[Any]:
    """A secret for encrypt(), or with "rsa" and "ec" {"privateKey", "publicKey"} in PEM."""
    return _call("crypto:keygen", fields(type=type, bits=bits, curve=curve, encoding=encoding), options)


def hash_password(
    password: Data, *, cost: Optional[str] = None, memory: Optional[int] = None, iterations: Optional[int] = None,
    algorithm: Optional[str] = None, **options: Unpack[Options],
) -> Call[str]:
    """Hashes a password with Argon2id, to be stored: a PHC string."""
    given = fields(password=password, cost=cost, memory=memory, iterations=iterations, algorithm=algorithm)
    return _call("password:hash", given, options)


def verify_password(
    password: Data, hash: Data, *, cost: Optional[str] = None, memory: Optional[int] = None,
    iterations: Optional[int] = None, **options: Unpack[Options],
) -> Call[Map]:
    """{"valid", "needsRehash", "algorithm"}: ask "valid", a wrong password is no error."""
    given = fields(password=password, hash=hash, cost=cost, memory=memory, iterations=iterations)
    return _call("password:verify", given, options)


def sign_jwt(
    payload: Map, secret: Key, *, algorithm: Optional[str] = None, expires_in: Union[int, str, None] = None,
    not_before: Union[int, str, None] = None, issuer: Optional[str] = None, subject: Optional[str] = None,
    jwtid: Optional[str] = None, audience: Optional[Words] = None, keyid: Optional[str] = None,
    header: Optional[Map] = None, no_timestamp: Optional[bool] = None, **options: Unpack[Options],
) -> Call[str]:
    """Makes a token. Times are seconds or durations ("7d")."""
    jwt = fields(
        algorithm=algorithm, expires_in=expires_in, not_before=not_before, issuer=issuer, subject=subject,
        jwtid=jwtid, audience=audience, keyid=keyid, header=header, no_timestamp=no_timestamp,
    )
    return _call("jwt:sign", fields(payload=payload, secret=secret, options=jwt or None), options)


def verify_jwt(
    token: Data, secret: Key, *, algorithms: Optional[Sequence[str]] = None, issuer: Optional[Words] = None,
    audience: Optional[Words] = None, subject: Optional[str] = None, jwtid: Optional[str] = None,
    nonce: Optional[str] = None, typ: Optional[str] = None, max_age: Union[int, str, None] = None,
    clock_tolerance: Optional[int] = None, clock_timestamp: Optional[int] = None,
    ignore_expiration: Optional[bool] = None, ignore_not_before: Optional[bool] = None,
    complete: Optional[bool] = None, raise_: Optional[bool] = None, **options: Unpack[Options],
) -> Call[Map]:
    """{"valid": True, "payload"} or {"valid": False, "error"}; with raise_ a bad token is a WorkerError."""
    jwt = fields(
        algorithms=algorithms, issuer=issuer, audience=audience, subject=subject, jwtid=jwtid, nonce=nonce, typ=typ,
        max_age=max_age, clock_tolerance=clock_tolerance, clock_timestamp=clock_timestamp,
        ignore_expiration=ignore_expiration, ignore_not_before=ignore_not_before, complete=complete, raise_=raise_,
    )
    return _call("jwt:verify", fields(token=token, secret=secret, options=jwt or None), options)


def compress(
    input: Data, format: Optional[str] = None, *, level: Optional[int] = None, checksum: Optional[bool] = None,
    dictionary: Optional[Data] = None, **options: Unpack[Options],
) -> Call[bytes]:
    """Compresses to "zstd" (None), "gzip", "deflate" or "brotli"."""
    given = fields(input=input, format=format, level=level, checksum=checksum, dictionary=dictionary)
    return _call("data:compress", given, options)


def decompress(
    input: Data, format: Optional[str] = None, *, max_output: Optional[int] = None, max_ratio: Optional[int] = None,
    dictionary: Optional[Data] = None, **options: Unpack[Options],
) -> Call[bytes]:
    """The original of compressed bytes. Without a format the bytes themselves tell it, but for brotli."""
    given = fields(input=input, format=format, max_output=max_output, max_ratio=max_ratio, dictionary=dictionary)
    return _call("data:decompress", given, options)


def transform_json(
    data: Any, filter: str, *, args: Optional[Map] = None, each: Optional[bool] = None,
    outputs: Optional[str] = None, format: Optional[str] = None, max_memory: Optional[int] = None,
    **options: Unpack[Options],
) -> Call[Any]:
    """Runs a jq program on a value, with `each` on each element of a list."""
    given = fields(filter=filter, args=args, each=each, outputs=outputs, format=format, max_memory=max_memory)
    return _call("json:transform", {"data": data, **given}, options)


def transform_text(
    json: Data, filter: str, *, args: Optional[Map] = None, each: Optional[bool] = None,
    outputs: Optional[str] = None, format: Optional[str] = None, max_memory: Optional[int] = None,
    **options: Unpack[Options],
) -> Call[Any]:
    """The same on JSON text, which may be a file."""
    given = fields(
        json=json, filter=filter, args=args, each=each, outputs=outputs, format=format, max_memory=max_memory
    )
    return _call("json:transform", given, options)


def compute(operation: str, params: Optional[Map] = None, **options: Unpack[Options]) -> Call[Any]:
    """Computes: "primes", "fibonacci", "statistics", ..., or what the task type of that name does."""
    return _call("heavy:computation", fields(operation=operation, params=params), options)


def analytics(
    events: Optional[Sequence[Map]] = None, *, packed: Union[bytes, File, None] = None,
    group_by: Optional[Words] = None, metrics: Union[Map, Sequence[Any], None] = None,
    interval: Union[int, str, None] = None, time_field: Optional[str] = None, time_unit: Optional[str] = None,
    skip_invalid: Optional[bool] = None, partial: Optional[bool] = None, merge: Optional[Sequence[Any]] = None,
    **options: Unpack[Options],
) -> Call[Any]:
    """Counts and measures events by groups; with `partial` something that `merge` takes."""
    given = fields(
        events=events, packed=packed, group_by=group_by, metrics=metrics, interval=interval, time_field=time_field,
        time_unit=time_unit, skip_invalid=skip_invalid, partial=partial, merge=merge,
    )
    return _call("analytics:process", given, options)


def resize_image(
    image: Data, width: Optional[int] = None, height: Optional[int] = None, *, fit: Optional[str] = None,
    position: Optional[str] = None, background: Optional[str] = None, without_enlargement: Optional[bool] = None,
    format: Optional[str] = None, quality: Optional[int] = None, lossless: Optional[bool] = None,
    compression: Optional[int] = None, orient: Optional[bool] = None, keep_metadata: Optional[bool] = None,
    max_pixels: Optional[int] = None, **options: Unpack[Options],
) -> Call[bytes]:
    """Resizes a JPEG, PNG or WebP; a side that is left out follows from the other."""
    given = fields(
        image=image, width=width, height=height, fit=fit, position=position, background=background,
        without_enlargement=without_enlargement, format=format, quality=quality, lossless=lossless,
        compression=compression, orient=orient, keep_metadata=keep_metadata, max_pixels=max_pixels,
    )
    return _call("image:resize", given, options)


def thumbnail_image(
    image: Data, size: int, *, fit: Optional[str] = None, position: Optional[str] = None,
    background: Optional[str] = None, without_enlargement: Optional[bool] = None, format: Optional[str] = None,
    quality: Optional[int] = None, lossless: Optional[bool] = None, compression: Optional[int] = None,
    orient: Optional[bool] = None, keep_metadata: Optional[bool] = None, max_pixels: Optional[int] = None,
    **options: Unpack[Options],
) -> Call[bytes]:
    """The same into a square."""
    given = fields(
        image=image, size=size, fit=fit, position=position, background=background,
        without_enlargement=without_enlargement, format=format, quality=quality, lossless=lossless,
        compression=compression, orient=orient, keep_metadata=keep_metadata, max_pixels=max_pixels,
    )
    return _call("image:thumbnail", given, options)


def image_info(image: Data, **options: Unpack[Options]) -> Call[Map]:
    """What an image is: format, width, height and more."""
    return _call("image:info", {"image": image}, options)


# ---- Files


def hash_file(
    file: FileLike, algorithm: Optional[str] = None, *, key: Optional[Key] = None, encoding: Optional[str] = None,
    **options: Unpack[Options],
) -> Call[Any]:
    """hash() of a whole file of any size, whose bytes go past the server."""
    return hash(File(file), algorithm, key=key, encoding=encoding, **options)


def compress_file(
    file: FileLike, to: FileLike, format: Optional[str] = None, *, level: Optional[int] = None,
    **options: Unpack[Options],
) -> Call[Range]:
    """compress() of a whole file into another one."""
    return _call("data:compress", fields(input=File(file), format=format, level=level), {**options, "result_file": to})


def decompress_file(
    file: FileLike, to: FileLike, format: Optional[str] = None, *, max_output: Optional[int] = None,
    **options: Unpack[Options],
) -> Call[Range]:
    """decompress() of a whole file into another one."""
    given = fields(input=File(file), format=format, max_output=max_output)
    return _call("data:decompress", given, {**options, "result_file": to})
