"""What the last lines of a container say of its end, as regexes with what each stands for.

Used by ``restart_reasons``, which weighs them.
"""

from typing import NamedTuple

from exporter.model import RestartReason


class Mark(NamedTuple):
    """What a line says of the end: ``regex`` as RE2 has it, heavier marks win over lighter.

    ``closing``: what came before it was survived. ``orderly``: so it was, unless it stands right
    before.
    """

    weight: int
    reason: RestartReason
    regex: str
    exclude_regex: str | None = None
    closing: bool = False
    orderly: bool = False


EXIT, DEATH, CRASH, PROBE, CAUSE = range(5)

_RECEIVED = r"(?i:\b(?:received|caught|got|handling|on)\b[\w :=\"'(]{0,25}\b"
_HANDLERS = r"(?i:handlers? (?:registered|installed)|(?:register|install)\w* )"

MARKS = (
    Mark(
        CAUSE,
        RestartReason.OUT_OF_MEMORY,
        r"(?:^|\\n)[\w.]*MemoryError\b|\bjava\.lang\.OutOfMemoryError\b"
        r"|System\.OutOfMemoryException"
        r"|heap out of memory|(?i:\bout of memory\b)|\bOOM-?[Kk]ill|\boom-kill\b|std::bad_alloc"
        r"|memory allocation of \d+ bytes failed|Allowed memory size of \d+ bytes exhausted"
        r"|NoMemoryError|(?i:\bcannot allocate (?:memory|\d+ bytes of memory))|\bENOMEM\b"
        r"|\bfailed to allocate memory\b|Perhaps out of memory\?"
        r"|(?:^|: |\d )Killed\s*$|: line \d+: +\d+ Killed\b"
        # The JVM and .NET that cannot have what they want of the machine.
        r"|insufficient memory for the Java Runtime|Native memory allocation \(\w+\) failed"
        r"|\berrno=12\b|Could not reserve enough space for \d+\w* object heap"
        r"|GC heap initialization failed|Worker with pid \d+ was terminated due to signal 9\b"
        r"|\bexited with signal \(with signal 'Killed'\)"
        r"|^(?:npm (?:ERR!|error) signal|error Command failed with signal) \"?SIGKILL"
        r"|(?i:\b(?:exit|exited|status|code)\b[^.,;]{0,20}\b137\b)",
        r"(?i:-XX:\S*OutOfMemory)|(?i:out of memory:? (?:kills?|errors?|events?)?:? ?0\b)",
    ),
    Mark(
        CAUSE,
        RestartReason.PORT_IN_USE,
        r"(?i:\beaddrinuse\b|\baddr(?:ess)? ?(?:is )?(?:already )?in use\b)|\bAddrInUse\b"
        r"|(?i:\bis port \d+ in use\?|\bport:? \d+ (?:is|was) (?:already )?in use\b|\bport (?:is"
        r"|was) already (?:in use"
        r"|allocated)|\balready (?:running|listening) on port \d+)"
        r"|Only one usage of each socket address|\bConnection in use: \('",
        r"(?i:e-?mail address|address already in use by another (?:account|user|customer))"
        # What a client tries again on, in the options that it prints.
        r"|^\s+'E[A-Z]+',?$",
    ),
    Mark(
        CAUSE,
        RestartReason.MISSING_MODULE,
        r"\b(?:ModuleNotFoundError|ImportError): |Cannot find (?:module|package) ['\"]"
        r"|ERR_MODULE_NOT_FOUND|^error: Module not found \"|\(LoadError\)|: No module named [\w.]+$"
        r"|cannot load such file -- |\bClassNotFoundException\b"
        r"|\bNoClassDefFoundError\b|Could not find or load main class|Unable to access jarfile"
        r"|error while loading shared libraries|Error loading shared library"
        r"|^Error relocating \S+: \S+: symbol not found"
        r"|Uncaught Error: Class \""
        r"|Failed opening required|Could not open input file: |: can't open file '"
        r"|Could not load file or assembly|executable file not found in"
        r"|You must install or update \.NET"
        r"|not possible to find any (?:compatible framework|installed)"
        r"|\bCould not import (?:module \"|')|Can't locate \S+ in @INC"
        r"|\((?:Gem|Bundler)::\w*(?:NotFound|MissingSpec)\w*\)|Bundler::GemNotFound"
        r"|^Could not find (?:gem|\S+ in (?:any of the sources|locally installed gems))"
        r"|\(module \S+ is not available\)|init terminating in do_boot.*\{undef,"
        r"|(?i:\bexec format error\b)|\bexec user process caused\b|required file not found$"
        r"|\bexec(?:ve)?:? \S+ (?:failed: )?no such file"
        r"|\bexec \S+ failed: No such file|\[dumb-init\] \S+: No such file"
        r"|^no main manifest attribute, in |\bUnsupportedClassVersionError\b"
        r"|^bundler: command not found: |: version `\S+' not found \(required by "
        r"|^error: (?:Relative import path \"|Unable to load a local module)"
        r"|^exec \S+: no such file|(?i:\bscript not found[: ])"
        # What is there and cannot be run.
        r"|^exec:? \S+: (?i:permission denied)$"
        r"|^(?:\S+: (?:line )?\d+: |(?:/bin/)?(?:ba|da|a)?sh: )"
        r"(?:\./\S+|\S+\.sh|\S*/bin/\S+): Permission denied$"
        r"|^(?:\S+: (?:line )?\d+: |(?:/bin/)?(?:ba|da|a)?sh: )\S+: "
        r"(?:(?:command )?not found|No such file or directory)$",
    ),
    Mark(
        CAUSE,
        RestartReason.CONFIGURATION,
        r"File \"(?:<frozen os>|[^\"]*/os\.py)\", line \d+, in __getitem__"
        r"|\b(?:KeyError: '|key not found: \")[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+['\"]"
        r"|\bImproperlyConfigured\b|\bUndefinedValueError: "
        r"|\bConfig '\w+' is missing, and has no default"
        r"|\bSettingsError: |(?i:\bvalidation errors? for \w*(?:settings|config|env)\w*)"
        r"|\bDotenv\\Exception\\|\bDotenv::MissingKeys\b|\bMissingEnvVarsError\b"
        r"|^Error: NotPresent$|\bvalue: NotPresent\b|\bMissingAppKeyException\b"
        r"|^(?:E|e)rror: missing field `\w+`"
        # Rails
        r"|Missing `secret_key_base`|Missing encryption key to decrypt|EncryptedFile::\w+Error"
        r"|MessageEncryptor::InvalidMessage|\bAdapterNotSpecified\b"
        r"|Cannot load database configuration"
        # Spring, Quarkus, Typesafe's Config
        r"|Could not resolve placeholder '|Failed to configure a DataSource"
        r"|Failed to bind properties under '|^Binding to target "
        r"|ConfigurationPropertiesBindException"
        r"|\bConfigData\w*Exception\b|\bConfigValidationException\b|\bSRCFG000\d\d: "
        r"|\bConfigException\$|\bOptionsValidationException\b"
        r"|Unrecognized VM option|^Invalid (?:maximum|initial) heap size|^Unrecognized option: -"
        # Prisma, envalid, zod, Joi, convict; clients that got nothing to connect to
        r"|\bPrismaConfigEnvError\b|Error validating datasource|(?i:\bconfig validation error)"
        r"|Configuration property \"[^\"]+\" is not defined|^\s+\"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\"$"
        r"|\"path\": \[\s*\"[A-Z][A-Z0-9_]+\""
        r"|\bMongoParseError: |parameter to `openUri\(\)` must be a string"
        r"|client password must be a string|Could not parse (?:rfc1738|SQLAlchemy) URL"
        r"|ConnectionString property has not been initialized|Connection string '[^']*' not found"
        r"|config\S* file '[^']+' was not found and is not optional"
        # viper, envconfig, cleanenv, flags
        r"|\brequired key \S+ missing value|is required but the value is not provided"
        r"|(?i:fatal error config file)|^flag provided but not defined: "
        r"|^invalid value \".*\" for flag -"
        r"|could not fetch application environment |: bad option: -"
        r"|error: (?:the following (?:required )?arguments (?:are required|were not provided)"
        r"|unrecognized arguments"
        r"|argument \S+: invalid)"
        r"|^Error: (?:No such option|Missing option|Invalid value for) "
        r"|^Error: required flag\(s\) \"|^(?i:error: )?unknown (?:flag|command|shorthand flag)\b"
        # servers that do not find the application that they are to serve
        r"|Attribute \"[^\"]+\" not found in module \"|Failed to find attribute '[^']+' in '"
        r"|Could not locate a Flask application|Failed to find Flask application"
        # the launcher and the package managers: there is nothing that could be run
        r"|^\s*(?:\[?ERROR\]?:? +)?failed to launch: |(?i:\bmissing script: )|_NO_SCRIPT\b"
        r"|^error Command \"[^\"]+\" not found"
        r"|Couldn't find a script named "
        # servers
        r"|\[emerg\] |nginx\.conf test failed|\bAH00526: |\bAH00014: |FATAL CONFIG FILE ERROR"
        r"|^Error: (?:adapting config|loading (?:initial )?config)"
        r"|Fatal errors found in configuration"
        r"|failed to post process the configuration|\bunknown entry '"
        r"|^(?:\S+: (?:line )?\d+: )?[A-Z][A-Z0-9_]+: unbound variable$"
        r"|^(?:\S+: (?:line )?\d+: )?[A-Z][A-Z0-9_]+: parameter (?:null or )?not set$",
    ),
    Mark(
        CAUSE,
        RestartReason.CONFIGURATION,
        r"(?i:\b(?:missing|required|undefined|unset|invalid) (?:required )?"
        r"(?:env(?:ironment)?(?: var(?:iable)?s?)?|config(?:uration)?(?: key)?|settings?)\b)"
        r"|(?i:\benv(?:ironment)? var(?:iable)?s?\b.*"
        r"\b(?:not set|required|missing|not found|must be set|not defined|undefined|empty"
        r"|failed)\b)"
        r"|\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b\W{0,2} (?:environment variable )?(?:(?:is|was) )?"
        r"(?:not set|required|missing|must be set|not defined|undefined|must not be empty)"
        r"|(?i:\brequired\b.*\bnot set\b)|^\w+(?:Url|Key|Secret|Token) is required\b"
        r"|(?i:\b(?:failed|unable) to (?:load|read|parse) (?:the )?config)"
        r"|(?i:\b(?:while|error) (?:parsing|unmarshal\w*|decoding|reading) (?:the )?config)"
        r"|(?i:\bconfig\S* file.*not found)",
        r"(?i:default|fall(?:ing)? ?back|optional|deprecat|ignor)",
    ),
    Mark(
        PROBE,
        RestartReason.HEALTH_CHECK,
        r"(?i:\b(?:health ?check|healthcheck|(?:liveness|readiness|startup) probe)s? "
        r"(?:has |have )?fail(?:ed|ing|ure)\b|\bfail(?:ed|ing) (?:its )?(?:health ?check|"
        r"(?:liveness|readiness|startup) probe)s?\b)",
        r"(?i:fail(?:ed|ures?):? 0\b)",
    ),
    Mark(
        CRASH,
        RestartReason.PANIC,
        r"(?:^|\s)panic: |^fatal error: |\bpanicked at\b|^fatal runtime error: "
        r"|^The application panicked|\bhas overflowed its stack$",
        r"\[recovered\]$|panic recovered",
    ),
    Mark(
        CRASH,
        RestartReason.SIGNAL,
        _RECEIVED + r"(?:sig(?:term|int|quit)\b|(?:signal|term|int)[ :=#]+"
        r"(?:15|2|3|term|terminated|int|interrupt|quit)\b))"
        r"|\bHandling signal: (?:term|int|quit)\b|\bsignal:? \[?SIG(?:TERM|INT|QUIT)\b"
        r"|(?i:\bsig(?:term|int|quit)\b\W{0,2} ?(?:received|signal|caught)\b)"
        r"|\bpm2 has been killed by signal\b|\bexited with signal \(with signal 'Terminated'\)"
        r"|NOTICE: (?:Terminating|Finishing) \.\.\.$"
        r"|: SIGTERM \(SignalException\)"
        r"|^KeyboardInterrupt\b|^Terminated\s*$|(?i:\b(?:exit|exited|status|code)\b.{0,20}\b143\b)",
        _HANDLERS,
        closing=True,
    ),
    Mark(
        CRASH,
        RestartReason.SIGNAL,
        _RECEIVED + r"(?:sig(?:kill|abrt|segv)\b|signal[ :=#]+(?:9|6|11|killed)\b))",
        _HANDLERS,
    ),
    Mark(
        EXIT,
        RestartReason.EXIT,
        r"(?i:\bgraceful(?:ly)? (?:shut|stop|exit|terminat)"
        r"|\b(?:shut(?:ting)?[ -]?down|stopp(?:ed|ing)|exit(?:ed|ing)) (?:gracefully|cleanly)\b"
        r"|\bwarm shutdown\b)"
        r"|\bFinished server process \[|\bApplication is shutting down\.\.\.|\b(?:Goodbye|Bye)!$",
        orderly=True,
    ),
    Mark(
        EXIT,
        RestartReason.EXIT,
        r"(?i:\bexit(?:ed)?(?: with)?(?: (?:code|status))?[ :=]+0\b)",
        closing=True,
    ),
    Mark(
        CRASH,
        RestartReason.EXCEPTION,
        r"\bTraceback \(most recent call last\):|^(?:\[[^\]]{1,40}\] )?(?:Node\.js|Bun) v\d+\."
        r"|\bUnhandledPromiseRejection"
        r"|(?i:\bun(?:caught|handled) ?(?:exception|error|rejection|promise))|\bUncaught [\w(\"]"
        r"|^(?:\d[\d:TZ.,+/ -]{7,40})?(?:\w+ )?(?:[A-Z]\w*::)*\w*Error(?: \[\w+\])?: "
        r"|^Exception in thread \"|^Unhandled exception\b"
        r"|^(?:Caused by: )?(?:[a-z][\w$]*\.)+[A-Z][\w$]*(?:Exception|Error)(?::|$)"
        r"|^\S+:\d+:in [`'].*': .*\([A-Z][\w:]*\)$"
        r"|^\S+:\d+: syntax error|PHP (?:Fatal|Parse) error: |^(?:Fatal|Parse) error: "
        r"|^(?:\w+ )?\*\* \([A-Z]|\binit terminating in |\bKernel pid terminated\b"
        r"|^escript: exception "
        # OCaml, Haskell, Lua, Swift, Julia, R, Clojure
        r"|^CallStack \(from HasCallStack\):$|: Uncaught exception [\w.:-]+:$|^stack traceback:$"
        r"|\.swift:\d+: Fatal error: |^\*\*\* Program crashed: |^ERROR: LoadError: "
        r"|^Execution halted$|^Execution error(?: - \S+)? \(\w+\) at "
        r"|\bRuntime terminating during boot\b| at \S+ line \d+\.$|^libc\+\+abi: terminating"
        r"|^syntax error at \S+ line \d+"
        r"|terminate called after throwing|APPLICATION FAILED TO START|Application run failed",
        r"(?i:handlers? (?:registered|installed))",
    ),
    Mark(
        DEATH,
        RestartReason.SIGNAL,
        r"(?i:\bsegmentation (?:fault|violation)\b|\bbus error\b|\billegal instruction\b)"
        r"|\bSIG(?:SEGV|ABRT|BUS|ILL|FPE|KILL)\b|(?:^|: |\d )Aborted\b|\bsignal: \w+"
        r"|^----- Native stack trace -----$"
        r"|(?i:\b(?:exit|exited|terminated|killed|stopped)\b.{0,20}\bsignal \d+)"
        r"|(?i:\b(?:exit|exited|status|code)\b.{0,20}\b1(?:32|34|35|36|39)\b)",
        # A Go panic names the signal that it was made of.
        r"^\[signal |(?i:handler)",
    ),
    Mark(
        EXIT,
        RestartReason.EXIT,
        r"(?i:\bexiting\b|\bexit (?:status|code) \d|\b(?:exited|exits|quit) with\b"
        r"|\bshutting down\b|\bshut ?down (?:complete|requested)"
        r"|\bprocess (?:exited|finished|ended)"
        r"|\bstopping (?:server|service|application|worker)\b|\bgoodbye\b|^bye\W*$"
        r"|\b(?:giving up|aborting|quitting|bailing out|can(?:no|')t continue)\b"
        r"|\bfatal: stopping the container\b"
        r"|\b(?:failed|unable) to (?:start|boot|continue)\b|\bstart-?up failed\b"
        r"|\bcommand failed\b)|^npm (?:ERR!|error) "
        # What logs at this level ends.
        r"|\blevel(?:=\"?|\": ?\")(?i:fatal)\b|^(?:[\d\[]\S* ){0,3}\W?FATAL\b|^FATA\[\d",
    ),
)

CHILD = (
    # PM2
    r"\bApp \[[^\]]*\] exited with code|\bapp \[[^\]]*\] (?:stopped|exited)"
    r"|msg=(?:process|failed to kill)"
    # foreman, honcho, overmind, concurrently, npm-run-all, Docker Compose
    r"|\bterminated by SIG[A-Z]+$|\bstopped \(rc=-?\d+\)|^\[[^\]]+\] .* exited with code \S+$"
    r"|^ERROR: \"[^\"]+\" exited with \S+\.$|^[\w.-]+[._-]\d+ exited with code \d+$"
    # supervisord, runit, s6
    r"|\b(?:exited|stopped|gave up|reaped unknown pid): ?\S+ (?:\(|entered FATAL)"
    r"|\breaped unknown pid \d+"
    r"|^\[cmd\] |^\[services\.d\] |^s6-\S+: |^\S+ exited \d+$"
    # gunicorn, uvicorn, Celery, uWSGI, unicorn, puma
    r"|\bWorker \(pid:\d+\) (?:was sent SIG(?:TERM|INT|QUIT|SEGV|ABRT|BUS|HUP)|exited with code)"
    r"|\bWorker with pid \d+ was terminated due to signal (?:[1-8]|1\d)\b|\bWorker exiting \(pid:"
    r"|(?i:\bchild process \[\d+\])|\bProcess '[^']+' pid:\d+ exited with "
    r"|^DAMN ! worker |^worker \d+ buried|\breaped #<Process::Status: |\bWorker \d+ \(PID: \d+\) "
    # php-fpm, nginx, Apache
    r"|\bchild \d+ exited (?:on signal|with code)|\bworker process \d+ exited "
    r"|\bchild pid \d+ exit signal"
    r"|\bcache (?:manager|loader) process \d+ exited|\(SIGCHLD\)"
    # tini and dumb-init about others than the main one
    r"|\bA child with PID \d+ |\bReaped child with pid|\bReceived signal 17\b"
    # forever, nodemon, node's cluster
    r"|Forever detected script |^error: Script restart attempt|^\[nodemon\] "
    r"|(?i:\bworker \d+ (?:died|exited))"
)
"""What a supervisor says of one of its children: no end of the container's own."""

SENDS = (
    r"(?i:\bsending SIG\w+ to\b)|\bwaiting for \S.* to die$|\bkilling '[^']+' \(\d+\) with SIG"
    r"|(?i:^interrupting\.\.\.$)|^--> Sending SIG\w+|(?i:\bterminating other processes)"
)
"""A supervisor ends what is left of its children: whatever ends behind it, ends for that."""

ECHO = (
    r"(?i:\b(?:SIG(?:TERM|INT|QUIT|KILL|HUP)|terminated|killed|stopped|exited)\b"
    r"|\bexit(?:ing)?\b.{0,20}\b(?:0|130|137|143)\b)"
)
"""The marks of an end that a supervisor has asked for."""

STACK_LINE = (
    r"^\s|^$|^goroutine \d+|^created by |^[\w./*()%@$-]+\(.*\)$|^\d+: 0x|^#\d+ |^[\]})]|^\.\.\."
    # Ruby's report of its own crash: frames, libraries, the memory map.
    r"|^[0-9a-f]{8,16}-[0-9a-f]{8,16} |^-- |^\* |^c:\d+ p:|^/\S+\(.*\) \[0x"
)
"""A line within a stack: indented in most languages, a call at the margin in Go."""
