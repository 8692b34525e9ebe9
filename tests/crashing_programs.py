"""Small programs that die, each in its own way, and why their containers then restart.

What they print is what the platform would show of them: the exit code stays with the platform.
"""

import sys
from dataclasses import dataclass

from exporter.model import RestartReason as Reason


@dataclass(frozen=True)
class CrashingProgram:
    """A program as text, what runs it, and the reason that its last words must give.

    ``command`` stands before the file's name; ``dies`` is whether it ends with an error; ``needs``
    is what has to be installed, where that is not the command itself.
    """

    name: str
    command: tuple[str, ...]
    file: str
    text: str
    reason: Reason
    dies: bool = True
    needs: str | None = None

    def __str__(self) -> str:
        return self.name

    @property
    def runtime(self) -> str | None:
        """The program that has to be installed; None for those that are wherever tests run."""
        first = self.needs or self.command[0]
        return None if first in (sys.executable, "sh", "bash") else first


def _python(
    name: str, text: str, reason: Reason, *flags: str, dies: bool = True
) -> CrashingProgram:
    return CrashingProgram(
        f"python {name}", (sys.executable, *flags), "main.py", text, reason, dies
    )


def _node(name: str, text: str, reason: Reason, *flags: str) -> CrashingProgram:
    return CrashingProgram(f"node {name}", ("node", *flags), "main.js", text, reason)


def _shell(name: str, text: str, reason: Reason, shell: str = "sh") -> CrashingProgram:
    return CrashingProgram(f"{shell} {name}", (shell,), "main.sh", text, reason)


def _ruby(name: str, text: str, reason: Reason) -> CrashingProgram:
    return CrashingProgram(f"ruby {name}", ("ruby",), "main.rb", text, reason)


def _php(name: str, text: str, reason: Reason, *flags: str) -> CrashingProgram:
    return CrashingProgram(f"php {name}", ("php", *flags), "main.php", f"<?php {text}", reason)


def _java(name: str, body: str, reason: Reason, *flags: str) -> CrashingProgram:
    text = (
        f"public class Main {{ public static void main(String[] a) throws Exception {{ {body} }} }}"
    )
    return CrashingProgram(f"java {name}", ("java", *flags), "Main.java", text, reason)


def _go(name: str, text: str, reason: Reason) -> CrashingProgram:
    return CrashingProgram(f"go {name}", ("go", "run"), "main.go", text, reason)


def _elixir(name: str, text: str, reason: Reason) -> CrashingProgram:
    return CrashingProgram(f"elixir {name}", ("elixir",), "main.exs", text, reason)


def _erlang(name: str, text: str, reason: Reason) -> CrashingProgram:
    text = f"#!/usr/bin/env escript\nmain(_) -> {text}.\n"
    return CrashingProgram(f"erlang {name}", ("escript",), "main.escript", text, reason)


def _perl(name: str, text: str, reason: Reason) -> CrashingProgram:
    return CrashingProgram(f"perl {name}", ("perl",), "main.pl", text, reason)


def _deno(name: str, text: str, reason: Reason, *flags: str) -> CrashingProgram:
    return CrashingProgram(f"deno {name}", ("deno", "run", "-A", *flags), "main.ts", text, reason)


def _bun(name: str, text: str, reason: Reason) -> CrashingProgram:
    return CrashingProgram(f"bun {name}", ("bun", "run"), "main.ts", text, reason)


def _compiled(compiler: str, file: str, name: str, text: str, reason: Reason) -> CrashingProgram:
    """A program that ``bash`` runs in a child, so that the death by a signal is told."""
    command = ("bash", "-c", f'{compiler} "$0" -o main 2>&1 && {{ ./main; exit $?; }}')
    language = file.rpartition(".")[2]
    return CrashingProgram(
        f"{language} {name}", command, file, text, reason, needs=compiler.partition(" ")[0]
    )


def _rust(name: str, body: str, reason: Reason) -> CrashingProgram:
    text = f"fn main() -> Result<(), Box<dyn std::error::Error>> {{ {body} }}\n"
    return _compiled("rustc", "main.rs", name, text, reason)


def _cpp(name: str, body: str, reason: Reason) -> CrashingProgram:
    text = f"#include <cstdlib>\n#include <new>\n#include <stdexcept>\nint main() {{ {body} }}\n"
    return _compiled("g++", "main.cpp", name, text, reason)


_TAKEN = "import socket\na = socket.create_server(('127.0.0.1', 0))\nport = a.getsockname()[1]\n"
_APP = "async def app(scope, receive, send):\n    raise ValueError('no card')\n"
_UVICORN = "import uvicorn\n"
_SERVED = """
import asyncio, os, signal, urllib.error, urllib.request
import uvicorn

async def app(scope, receive, send):
    if scope["path"] == "/cart":
        raise ValueError("no card")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})

class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        asyncio.get_running_loop().run_in_executor(None, visit, self)

def visit(server):
    port = server.servers[0].sockets[0].getsockname()[1]
    for path in ("/", "/cart", "/", "/"):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}").read()
        except urllib.error.HTTPError:
            pass
    os.kill(os.getpid(), signal.SIGTERM)

Server(uvicorn.Config(app, port=0, lifespan="off")).run()
"""

PYTHON = (
    _python("exception", "def pay():\n    raise ValueError('no card')\npay()", Reason.EXCEPTION),
    _python("group", "raise ExceptionGroup('many', [ValueError('a')])", Reason.EXCEPTION),
    _python("syntax", "def pay(:", Reason.EXCEPTION),
    _python("module", "import nosuch", Reason.MISSING_MODULE),
    _python("variable", "import os\nos.environ['DATABASE_URL']", Reason.CONFIGURATION),
    _python("key of a dict", "{}['DATABASE']", Reason.EXCEPTION),
    _python("memory", "bytearray(10**15)", Reason.OUT_OF_MEMORY),
    _python("port", f"{_TAKEN}socket.create_server(('127.0.0.1', port))", Reason.PORT_IN_USE),
    _python(
        "segmentation fault",
        "import ctypes\nctypes.string_at(0)",
        Reason.SIGNAL,
        "-X",
        "faulthandler",
    ),
    _python(
        "silent death", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", Reason.UNKNOWN
    ),
    _python("exit", "import sys\nsys.exit('cannot reach the queue, exiting')", Reason.EXIT),
    _python("uvicorn module", f"{_UVICORN}uvicorn.run('nosuch:app')", Reason.MISSING_MODULE),
    _python(
        "uvicorn port",
        f"{_TAKEN}{_UVICORN}{_APP}uvicorn.run(app, port=port, lifespan='off')",
        Reason.PORT_IN_USE,
    ),
    _python("uvicorn told to end after an exception", _SERVED, Reason.EXIT),
    _python(
        "interrupt after an exception",
        "import logging, signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # also where it is ignored\n"
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    logging.exception('no card')\n"
        "signal.raise_signal(signal.SIGINT)",
        Reason.SIGNAL,
    ),
    _python(
        "end after an exception",
        "import logging\n"
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    logging.exception('no card')\n"
        "print('GET / 200', 'Gracefully stopping', sep='\\n', flush=True)",
        Reason.EXIT,
        "-u",
        dies=False,
    ),
    _python(
        "exit code 0 after an exception",
        "import logging, subprocess, sys\n"
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    logging.exception('no card')\n"
        "code = subprocess.run([sys.executable, '-c', '']).returncode\n"
        "print('worker exited with code', code)",
        Reason.EXIT,
        "-u",
        dies=False,
    ),
)

NODE = (
    _node("exception", "function pay() { throw new Error('no card') }\npay()", Reason.EXCEPTION),
    _node("rejection", "Promise.reject(new Error('no card'))", Reason.EXCEPTION),
    _node("rejection of nothing", "Promise.reject()", Reason.EXCEPTION),
    _node("value", "throw {code: 3}", Reason.EXCEPTION),
    _node("event", "new (require('events'))().emit('error', new Error('x'))", Reason.EXCEPTION),
    _node("module", "require('nosuch')", Reason.MISSING_MODULE),
    _node("package", "import('nosuch')", Reason.MISSING_MODULE),
    _node(
        "port",
        "const net = require('net')\n"
        "const s = net.createServer().listen(0, '127.0.0.1', () =>\n"
        "  net.createServer().listen(s.address().port, '127.0.0.1'))",
        Reason.PORT_IN_USE,
    ),
    _node(
        "heap",
        "const kept = []\nfor (;;) kept.push(new Array(1e4).fill(0).map(() => ({})))",
        Reason.OUT_OF_MEMORY,
        "--max-old-space-size=20",
    ),
    _node("abort", "process.abort()", Reason.SIGNAL),
    _node("exit", "console.error('giving up'); process.exit(1)", Reason.EXIT),
    _node(
        "handler",
        "process.on('uncaughtException', e => {\n"
        "  console.error('Uncaught exception:', e)\n"
        "  console.log('shutting down gracefully')\n  process.exit(1)\n})\nundefined.card",
        Reason.EXCEPTION,
    ),
    _node(
        "signal",
        "process.on('SIGTERM', () => { console.log('SIGTERM received'); process.exit(1) })\n"
        "console.error(new Error('no card'))\nconsole.log('GET / 200')\n"
        "setInterval(() => {}, 1000)\nprocess.kill(process.pid, 'SIGTERM')",
        Reason.SIGNAL,
    ),
)

OTHERS = (
    # A panic as Go prints it, for machines without Go.
    _shell(
        "Go's words",
        "printf 'panic: no card\\n\\ngoroutine 1 [running]:\\nmain.main()\\n"
        "\\t/app/main.go:3 +0x1d\\nexit status 2\\n' >&2; exit 2",
        Reason.PANIC,
    ),
    _shell("no program", "nosuch --serve", Reason.MISSING_MODULE),
    _shell("no program", "nosuch --serve", Reason.MISSING_MODULE, "bash"),
    _shell("variable", "set -u\necho $DATABASE_URL", Reason.CONFIGURATION, "bash"),
    _shell("no variable", ': "${DATABASE_URL:?}"', Reason.CONFIGURATION, "bash"),
    _shell("killed child", "sh -c 'kill -9 $$'; exit 137", Reason.OUT_OF_MEMORY, "bash"),
    _shell("crashed child", "sh -c 'kill -SEGV $$'; exit 139", Reason.SIGNAL, "bash"),
    _shell("terminated child", "sh -c 'kill $$'; exit 143", Reason.SIGNAL, "bash"),
    _shell(
        "health check",
        "echo 'Liveness probe failed: HTTP probe failed with statuscode: 503'\n"
        "trap 'echo received SIGTERM; exit 1' TERM\nkill $$",
        Reason.HEALTH_CHECK,
    ),
    _ruby("exception", "def pay = raise(ArgumentError, 'no card')\npay", Reason.EXCEPTION),
    _ruby("module", "require 'nosuch'", Reason.MISSING_MODULE),
    _ruby("variable", "ENV.fetch('DATABASE_URL')", Reason.CONFIGURATION),
    _ruby("syntax", "def (", Reason.EXCEPTION),
    _php("exception", "throw new Exception('no card');", Reason.EXCEPTION),
    _php("class", "new Shop\\Cart();", Reason.MISSING_MODULE),
    _php("memory", "str_repeat('x', 10**8);", Reason.OUT_OF_MEMORY, "-d", "memory_limit=16M"),
    _java("exception", 'throw new IllegalStateException("no card");', Reason.EXCEPTION),
    _java(
        "memory",
        "var kept = new java.util.ArrayList<byte[]>(); while (true) kept.add(new byte[1 << 20]);",
        Reason.OUT_OF_MEMORY,
        "-Xmx48m",
    ),
    _java("class", 'Class.forName("com.acme.Missing");', Reason.MISSING_MODULE),
    _go(
        "panic",
        'package main\n\nfunc main() {\n\tvar card map[string]int\n\tcard["id"] = 3\n}\n',
        Reason.PANIC,
    ),
)

_BIND = "std::net::TcpListener::bind"

NEWER = (
    _elixir("exception", 'raise ArgumentError, "no card"', Reason.EXCEPTION),
    _elixir("variable", 'System.fetch_env!("DATABASE_URL")', Reason.CONFIGURATION),
    _elixir("module", ":nosuch.pay()", Reason.MISSING_MODULE),
    _elixir(
        "port",
        "{:ok, s} = :gen_tcp.listen(0, [])\n{:ok, port} = :inet.port(s)\n"
        "{:ok, _} = :gen_tcp.listen(port, [])",
        Reason.PORT_IN_USE,
    ),
    _elixir(
        "linked process",
        'spawn_link(fn -> raise "no card" end)\nProcess.sleep(5000)',
        Reason.EXCEPTION,
    ),
    _erlang("exception", "1 = length([])", Reason.EXCEPTION),
    _perl("exception", "use Carp; sub pay { confess('no card') } pay(7);", Reason.EXCEPTION),
    _perl("module", "use NoSuch::Thing;", Reason.MISSING_MODULE),
    _perl("syntax", "my $x = ;", Reason.EXCEPTION),
    _deno(
        "exception",
        "async function pay() { throw new Error('no card') }\nawait pay()",
        Reason.EXCEPTION,
    ),
    _deno("module", "import pay from './nosuch.ts'\npay()", Reason.MISSING_MODULE),
    _deno(
        "port",
        "const s = Deno.listen({hostname: '127.0.0.1', port: 0})\n"
        "Deno.listen({hostname: '127.0.0.1', port: (s.addr as Deno.NetAddr).port})",
        Reason.PORT_IN_USE,
    ),
    _deno(
        "heap",
        "const kept: unknown[] = []\nfor (;;) kept.push(new Array(1e4).fill(0).map(() => ({})))",
        Reason.OUT_OF_MEMORY,
        "--v8-flags=--max-old-space-size=40",
    ),
    _bun("exception", "function pay() { throw new TypeError('no card') }\npay()", Reason.EXCEPTION),
    _bun("module", "import pay from './nosuch.ts'\npay()", Reason.MISSING_MODULE),
    _bun(
        "port",
        "const s = Bun.serve({hostname: '127.0.0.1', port: 0, fetch: () => new Response()})\n"
        "Bun.serve({hostname: '127.0.0.1', port: s.port, fetch: () => new Response()})",
        Reason.PORT_IN_USE,
    ),
    _rust(
        "panic",
        'let v: Vec<u8> = vec![]; let i = v.len(); println!("{}", v[i]); Ok(())',
        Reason.PANIC,
    ),
    _rust("returned error", 'Err("no card".parse::<u8>().unwrap_err())?', Reason.EXCEPTION),
    _rust(
        "variable",
        'let url = std::env::var("DATABASE_URL").expect("DATABASE_URL must be set");'
        'println!("{url}"); Ok(())',
        Reason.CONFIGURATION,
    ),
    _rust(
        "memory",
        'let v: Vec<u8> = Vec::with_capacity(1 << 60); println!("{}", v.capacity()); Ok(())',
        Reason.OUT_OF_MEMORY,
    ),
    _rust(
        "port",
        f'let a = {_BIND}("127.0.0.1:0")?; {_BIND}(a.local_addr()?).unwrap(); Ok(())',
        Reason.PORT_IN_USE,
    ),
    _cpp("exception", 'throw std::runtime_error("no card");', Reason.EXCEPTION),
    _cpp("memory", "throw std::bad_alloc();", Reason.OUT_OF_MEMORY),
    _cpp("abort", "std::abort();", Reason.SIGNAL),
)
"""Where their runtimes are: what they printed elsewhere is among the traces of `test_events`."""

CRASHING_PROGRAMS = PYTHON + NODE + OTHERS + NEWER
