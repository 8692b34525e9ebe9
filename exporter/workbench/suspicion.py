"""Which lines look like errors, whatever the rules say."""

from exporter.model import Rule

SUSPICIOUS = Rule(
    name="suspicious",
    regex=r"(?i:\b(?:errors?|err|exceptions?|fatal|panic(?:ked)?|critical|emergency|severe"
    r"|fail(?:ed|s|ing|ure|ures)?|crash(?:ed|es)?|abort(?:ed|ing)?|refused|denied|rejected"
    r"|unauthorized|forbidden|time[ -]?(?:d[ -]?)?outs?|unable to|can(?:no|')t|could(?: not|n't)"
    r"|not found|no such|does(?: not|n't) exist|not set|invalid|unexpected(?:ly)?|unhandled"
    r"|uncaught|undefined|unbound|unknown|traceback|stack trace|segfault|segmentation|killed"
    r"|deadlock|corrupt(?:ed|ion)?|exhausted|exceeded|too (?:many|long)|missing|violates|broken"
    r"|lost|expired|exit(?:ed)?(?: with)? (?:code|status) [1-9]\d*)\b)"
    r"|[a-z](?:Error|Exception)\b|\bE[A-Z]{4,}: |\bSIG(?:SEGV|ABRT|KILL|BUS)\b"
    r'|\bstatus"?[=:] ?5\d\d\b',
    exclude_regex=r"(?i:\b(?:no|0|zero|without(?: any)?) (?:\w+ ){0,2}"
    r"(?:errors?|exceptions?|fail(?:ed|ures?)|time-?outs?|problems)\b"
    r'|\b\w*(?:errors?|exceptions?|fail(?:ed|ures?)|fatal|panic|time-?outs?|rate)["'
    r"']? ?[=:] ?(?:0\b|false\b|(?:none|null|nil|no)(?:$|[,;}\]])"
    r"|<nil>|\[\]|\{\}|\"\"|'')"
    r"|\b(?:errors?|exceptions?|fail(?:ed|ures?)|crash|time-?outs?) "
    r"(?:handl\w+|middleware|boundary|report\w+|tracking|pages?|templates?|codes|rate|budget|log)\b"
    r"""|\btime-?outs?(?:_\w+)?["']? ?[=:] ?["']?\d|\b(?:error_?log|log_?level)["']? ?[=:]"""
    r"|\b(?:succe(?:ss|ssful|ssfully|eded)|enabled|compiled|rendered|subscribed|executed)\b)"
    r'|HTTP/[\d.]+" [1-4]\d\d |\b(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) "?/\S* [1-4]\d\d\b'
    r"|^\W{0,3}(?:[\w:.,+/-]{1,40}\W{1,3}){0,6}(?:INFO|DEBUG|TRACE|LOG)\b"
    r'|"(?:level|severity|levelname|log\.level)": ?"(?i:info|debug|trace|notice)"'
    r"|\b(?:level|at)=(?i:info|debug|trace)\b"
    # Frames of stacks, what stands between two of them, and what is quoted of a source file.
    r'|^\s+at |^\s+File "|^\s+from \S+:\d+|^\t|^\s*\^|^goroutine \d'
    r"|^\W*(?:The above exception was|During handling of the above|Background on this error)",
)
"""Found in lines with the words of trouble, unless they say that there is none, or stand in an
access log, in what a logger calls information, or within a stack. It is meant to find too much
rather than too little: a person reads what it finds."""
