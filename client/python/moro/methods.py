"""
Makes methods of what moro.tasks and moro.control describe.

The two classes differ in nothing but what their methods return: the answer, or something to await.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Awaitable, Callable, TypeVar

from . import control, tasks
from .tasks import Call

T = TypeVar("T")

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    P = ParamSpec("P")


def _method(describe: Callable[..., Any]) -> Any:
    @functools.wraps(describe)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return self._do(describe(*args, **kwargs))

    return method


def _now(describe: Callable[P, Call[T]]) -> Callable[Concatenate[Any, P], T]:
    return _method(describe)  # type: ignore[no-any-return]


def _later(describe: Callable[P, Call[T]]) -> Callable[Concatenate[Any, P], Awaitable[T]]:
    return _method(describe)  # type: ignore[no-any-return]


class Methods:
    """Of a client that waits."""

    hash = _now(tasks.hash)
    encrypt = _now(tasks.encrypt)
    decrypt = _now(tasks.decrypt)
    random = _now(tasks.random)
    generate_key = _now(tasks.generate_key)
    hash_password = _now(tasks.hash_password)
    verify_password = _now(tasks.verify_password)
    sign_jwt = _now(tasks.sign_jwt)
    verify_jwt = _now(tasks.verify_jwt)
    compress = _now(tasks.compress)
    decompress = _now(tasks.decompress)
    transform_json = _now(tasks.transform_json)
    transform_text = _now(tasks.transform_text)
    compute = _now(tasks.compute)
    analytics = _now(tasks.analytics)
    resize_image = _now(tasks.resize_image)
    thumbnail_image = _now(tasks.thumbnail_image)
    image_info = _now(tasks.image_info)
    hash_file = _now(tasks.hash_file)
    compress_file = _now(tasks.compress_file)
    decompress_file = _now(tasks.decompress_file)
    request = _now(control.request)
    ping = _now(control.ping)
    stats = _now(control.stats)
    types = _now(control.types)
    ls = _now(control.ls)
    slow = _now(control.slow)
    poison = _now(control.poison)
    clients = _now(control.clients)
    pause = _now(control.pause)
    resume = _now(control.resume)
    drain = _now(control.drain)
    scale = _now(control.scale)
    reload = _now(control.reload)
    shutdown = _now(control.shutdown)
    log_level = _now(control.log_level)


class AsyncMethods:
    """Of a client whose answers are awaited."""

    hash = _later(tasks.hash)
    encrypt = _later(tasks.encrypt)
    decrypt = _later(tasks.decrypt)
    random = _later(tasks.random)
    generate_key = _later(tasks.generate_key)
    hash_password = _later(tasks.hash_password)
    verify_password = _later(tasks.verify_password)
    sign_jwt = _later(tasks.sign_jwt)
    verify_jwt = _later(tasks.verify_jwt)
    compress = _later(tasks.compress)
    decompress = _later(tasks.decompress)
    transform_json = _later(tasks.transform_json)
    transform_text = _later(tasks.transform_text)
    compute = _later(tasks.compute)
    analytics = _later(tasks.analytics)
    resize_image = _later(tasks.resize_image)
    thumbnail_image = _later(tasks.thumbnail_image)
    image_info = _later(tasks.image_info)
    hash_file = _later(tasks.hash_file)
    compress_file = _later(tasks.compress_file)
    decompress_file = _later(tasks.decompress_file)
    request = _later(control.request)
    ping = _later(control.ping)
    stats = _later(control.stats)
    types = _later(control.types)
    ls = _later(control.ls)
    slow = _later(control.slow)
    poison = _later(control.poison)
    clients = _later(control.clients)
    pause = _later(control.pause)
    resume = _later(control.resume)
    drain = _later(control.drain)
    scale = _later(control.scale)
    reload = _later(control.reload)
    shutdown = _later(control.shutdown)
    log_level = _later(control.log_level)
