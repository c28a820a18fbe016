"""The launcher: ``ryu-manager APP... [--config-file FILE]``, also installed as ``vnc-manager``.

The command line is that of Ryu's ``ryu-manager``, so that scripts and unit files keep working.
Applications are dotted module names or paths of Python files, written for os-ken.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib.util
import io
import logging
import logging.config
import logging.handlers
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from importlib import metadata

# Libraries import eventlet, which nothing here uses, and that would import a whole DNS library to
# replace the system's resolver: a quarter of the time that a start spends on imports.
os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")

from os_ken import cfg
from oslo_config import cfg as oslo

from ryu_apps import runtime, settings, supervision
from ryu_apps.connections import tls_files
from ryu_apps.log_lines import LineFormatter

LOG = logging.getLogger("vnc.manager")
CONF = cfg.CONF

STOP_SECONDS = 2.5
"""For the apps to end after a signal; the process is gone after half a second more."""
FAILED = 1
"""Exit status where the process cannot do its work."""
DEFAULT_APPS = ["os_ken.controller.ofp_handler"]
LOG_FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s"


class UsageError(Exception):
    """The command line or the configuration is wrong.  Exit status 2."""


class StartError(Exception):
    """The program cannot start.  Exit status 1."""


def register_options() -> None:
    """Everything ``ryu-manager`` knew, os-ken's own options, and those of a VNC node."""
    # These modules register command line options when they are imported.
    import os_ken.controller.controller
    import os_ken.flags
    import os_ken.log
    import os_ken.topology.switches  # noqa: F401

    CONF.register_cli_opts([
        cfg.ListOpt("app-lists", default=[], help="application module names to run"),
        oslo.MultiStrOpt("app", positional=True, default=[], metavar="APP",
                         help="application module name or path of a Python file"),
        cfg.StrOpt("pid-file", help="file to write the process id to"),
        cfg.StrOpt("user-flags", help="Python file with option registrations of applications, "
                   "loaded before the command line is read"),
        cfg.BoolOpt("enable-debugger", default=False,
                    help="accepted for compatibility; debuggers always work with native threads"),
    ])
    settings.register(CONF)


def version() -> str:
    try:
        return metadata.version("vnc")
    except metadata.PackageNotFoundError:
        return "unknown"


def parse(argv: Sequence[str], prog: str) -> None:
    """Read the command line and the configuration files into CONF.  Raises UsageError."""
    _load_user_flags(argv)
    messages = io.StringIO()
    try:
        with contextlib.redirect_stderr(messages):
            CONF(args=list(argv), project="vnc", prog=prog, version=f"{prog} (vnc) {version()}",
                 default_config_files=[], default_config_dirs=[])
    except SystemExit as end:
        if end.code in (0, None):
            raise
        lines = messages.getvalue().strip().splitlines() or ["bad option"]
        text = lines[-1].removeprefix(f"{prog}: error: ")
        raise UsageError(f"{text} (see {prog} --help)") from None
    except oslo.ConfigFilesNotFoundError as error:
        raise UsageError(f"configuration file not found: {', '.join(error.config_files)}") from None
    except oslo.ConfigDirNotFoundError as error:
        raise UsageError(f"configuration directory not found: {error.config_dir}") from None
    except (oslo.Error, ValueError, OSError) as error:
        raise UsageError(_one_line(error)) from None
    _check_values()


def _load_user_flags(argv: Sequence[str]) -> None:
    for at, argument in enumerate(argv):
        name, given, value = argument.partition("=")
        if name == "--user-flags":
            path = value if given else next(iter(argv[at + 1:]), "")
            if not os.path.isfile(path):
                raise UsageError(f"--user-flags: no such file: {path}")
            _import_path(path)


def _check_values() -> None:
    """Values from files are converted when they are first read: find the bad ones now."""
    for group, options in settings.OPTIONS.items():
        for option in options:
            try:
                CONF[group.name][option.dest]
            except (oslo.Error, ValueError) as error:
                raise UsageError(f"[{group.name}] {option.name}: {_one_line(error)}") from None


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def set_up_logging() -> None:
    """Handlers and level by the options of ``os_ken.log``.  Raises StartError."""
    if CONF.log_config_file:
        try:
            logging.config.fileConfig(CONF.log_config_file, disable_existing_loggers=False)
        except (OSError, KeyError, ValueError, RuntimeError) as error:
            raise StartError(f"--log-config-file: {_one_line(error)}") from None
        return
    handlers: list[logging.Handler] = []
    if CONF.use_stderr:
        handlers.append(logging.StreamHandler(sys.stderr))
    path = CONF.log_file or (CONF.log_dir and os.path.join(CONF.log_dir, "ryu-manager.log"))
    try:
        if CONF.use_syslog:
            handlers.append(logging.handlers.SysLogHandler(address="/dev/log"))
        if path:
            handlers.append(logging.handlers.WatchedFileHandler(path))
            os.chmod(path, int(CONF.log_file_mode, 8))
    except (OSError, ValueError) as error:
        raise StartError(f"cannot log as asked: {_one_line(error)}") from None
    root = logging.getLogger()
    for handler in handlers:
        handler.setFormatter(LineFormatter(LOG_FORMAT, "%Y-%m-%dT%H:%M:%S"))
        root.addHandler(handler)
    level = CONF.default_log_level
    root.setLevel(level if level is not None else logging.DEBUG if CONF.verbose else logging.INFO)
    logging.captureWarnings(True)


def import_app(name: str) -> str:
    """Import an application; returns the module name under which AppManager finds it.

    Raises StartError, with the reason in one line.
    """
    is_path = name.endswith(".py") or os.sep in name
    if is_path and not os.path.isfile(name):
        raise StartError(f"no such file: {name}")
    try:
        return _import_path(name) if is_path else importlib.import_module(name).__name__
    except ModuleNotFoundError as error:
        if not is_path and error.name and (name == error.name or name.startswith(error.name + ".")):
            raise StartError(f"no such module: {name}") from error
        raise StartError(f"cannot load {name}: {_one_line(error)}") from error
    except Exception as error:  # anything at all may happen in foreign code
        text = f"cannot load {name}: {type(error).__name__}: {_one_line(error)}"
        raise StartError(text) from error


def _import_path(path: str) -> str:
    absolute = os.path.abspath(path)
    for name, module in list(sys.modules.items()):
        if name != "__main__" and getattr(module, "__file__", None) == absolute:
            return name
    # As with Ryu, a file finds the modules that lie beside it.
    directory, name = os.path.dirname(absolute), os.path.basename(absolute).removesuffix(".py")
    if directory not in sys.path:
        sys.path.append(directory)
    if name in sys.modules:
        name = f"{name}_{abs(hash(absolute)):x}"
    spec = importlib.util.spec_from_file_location(name, absolute)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return name


@contextlib.contextmanager
def _late_options():
    """An application that registers command line options when it is loaded, after the command line
    was read, gets them as options of the configuration files (oslo.config would raise)."""
    CONF.register_cli_opt = CONF.register_opt
    try:
        yield
    finally:
        del CONF.register_cli_opt


def start_apps(names: Sequence[str]) -> tuple[object, list[threading.Thread]]:
    """Load, instantiate and start.  Returns the AppManager and the apps' main threads."""
    from os_ken.base.app_manager import AppManager

    manager = AppManager.get_instance()
    with _late_options():
        modules = [import_app(name) for entry in names for name in entry.split(",") if name]
        manager.load_apps(modules)
        for name, module in zip(names, modules, strict=False):
            if module not in manager.applications_cls:
                LOG.warning("%s defines no application", name)
        services = manager.instantiate_apps(**manager.create_contexts())
    return manager, services


class _Signals:
    """SIGTERM and SIGINT: the first asks to end, the second ends at once.  SIGHUP: ``look``, that
    files of TLS are to be read again."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.look = threading.Event()
        signal.signal(signal.SIGHUP, lambda *_: self.look.set())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def _handle(self, number: int, _frame: object) -> None:
        if self.asked.is_set():
            os._exit(128 + number)
        self.asked.set()


def _thread_ended(why: str) -> None:
    """An essential thread is gone: end, whatever the main thread is at."""
    LOG.critical("the process ends, so that it is started again; forwarding goes on: %s", why)
    last = threading.Timer(2 * STOP_SECONDS, os._exit, (FAILED,))
    last.daemon = True
    last.start()


def _run(prog: str) -> int:
    stop = _Signals()
    if CONF.pid_file:
        try:
            with open(CONF.pid_file, "w") as file:
                file.write(f"{os.getpid()}\n")
        except OSError as error:
            raise StartError(f"--pid-file: {error}") from None
    LOG.info("%s (vnc) %s starts, process %d", prog, version(), os.getpid())
    for text in settings.unknown(CONF.config_file or ()):
        LOG.warning("%s", text)
    manager = None
    supervision.PROCESS.on_end = _thread_ended
    try:
        from os_ken.base.app_manager import AppManager

        manager = AppManager.get_instance()
        manager, services = start_apps(list(CONF.app_lists) + list(CONF.app) or DEFAULT_APPS)
        for text in settings.unread(CONF):
            LOG.warning("%s", text)
        runtime.tune_collector()
        while not stop.asked.wait(0.5):
            asked = stop.look.is_set()
            stop.look.clear()
            tls_files.PROCESS.look(force=asked)
            if supervision.PROCESS.ended:
                return FAILED
            if services and not any(thread.is_alive() for thread in services):
                LOG.info("all applications have ended")
                break
        return 0
    except AssertionError as error:
        # How os-ken reports two apps of one name, or apps without a common OpenFlow version.
        raise StartError(_one_line(error)) from error
    finally:
        ended = time.monotonic() + STOP_SECONDS
        # Whatever still hangs then, such as a thread of an app that is no daemon, goes with us.
        killer = threading.Timer(STOP_SECONDS + 0.4, os._exit, (1,))
        killer.daemon = True
        killer.start()
        if manager is not None and manager.applications:
            LOG.info("stopping")
            clean = runtime.shut_down(manager, ended - time.monotonic())
            LOG.info("stopped%s", "" if clean else ", not cleanly")
        if CONF.pid_file:
            with contextlib.suppress(OSError):
                os.unlink(CONF.pid_file)


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT.  Returns the exit status: 0, 1 (cannot run) or 2 (bad usage)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    prog = os.path.basename(sys.argv[0]) or "ryu-manager"
    if prog.endswith(".py"):
        prog = "ryu-manager"
    faulthandler.enable()
    verbose = "--verbose" in arguments
    try:
        if os.environ.get("OSKEN_HUB_TYPE", "native") != "native":
            raise UsageError("OSKEN_HUB_TYPE must be unset: only native threads are supported")
        runtime.limit_arenas()
        runtime.install()
        register_options()
        parse(arguments, prog)
        verbose = CONF.verbose
        set_up_logging()
        return _run(prog)
    except UsageError as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return 2
    except (StartError, runtime.ListenError) as error:
        if verbose:
            LOG.exception("cannot start")
        print(f"{prog}: {error}", file=sys.stderr)
        return 1
    except Exception as error:  # outermost boundary: an app failed in its constructor or start
        if verbose:
            LOG.exception("cannot start")
        print(f"{prog}: cannot start: {type(error).__name__}: {_one_line(error)}", file=sys.stderr)
        return 1
    finally:
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
