"""Wordings: the words in which model servers say what is wrong, by what they mean.

Each pattern is searched in an error body's codes and words, in small letters. They were gathered from what users of
those servers report in public; what they lead to is decided in refusals and dialect.
"""

from __future__ import annotations

import re

__all__ = [
    "ACCOUNT",
    "CHOICES",
    "FILTERED",
    "FILTER_ITSELF",
    "FORMAT",
    "KEY",
    "LIMIT_TOO_LARGE",
    "MODEL",
    "PLAIN",
    "QUOTA",
    "REFILLS",
    "REFUSED",
    "SPEAKS_TLS",
    "TOO_LONG",
    "WINDOW",
]


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns))


#: A filter refused the prompt or the answer.
FILTERED = _any(
    r"content[_ -]?filter|content[_ ]management[_ ]policy|responsibleaipolicy",  # Azure
    r"(?:content|usage|acceptable use)[_ ](?:polic|guideline)|violat\w+ .{0,40}(?:polic|guideline)",  # OpenAI, xAI
    r"flagged|moderation|guardrail|prohibited_content",  # OpenRouter, LiteLLM, Gemini
    r"\bsafety(?!_?(?:identifier|settings|ratings))|unsafe|harmful|jailbreak|was filtered|considered high risk",
    r"data_?inspection_?failed|inappropriate content|new_sensitive|sensitive content|敏感|不安全|违规",  # Qwen, Zhipu
)

#: Words about the filter itself stand beside it: it is away or broken, or was asked for in a form that is not taken.
FILTER_ITSELF = _any(
    r"unavailable|(?:not|n't|never) (?:be )?(?:reach|respond|connect|contact|load)|unreachable|tim(?:ed|e)[ -]?out",
    r"overloaded|(?:server|internal)[_ ](?:server[_ ])?error|bad gateway|connection (?:refused|reset|error|closed)",
    r"failed to (?:connect|reach|call|load|run)|(?:service|backend) (?:failed|error|down)",
    r"(?:unknown|unrecognized|unexpected|unsupported)[_ ](?:\w+ )?(?:name|param|argument|field|propert|key)",
    r"cannot find field|extra[_ ](?:inputs|fields|forbidden)",
    r"(?:guardrail|filter|moderat).{0,80}not (?:exist|found|configured|enabled|supported)",
)

#: The prompt does not fit the model.
TOO_LONG = _any(
    r"context[_ ]length[_ ]exceeded|max(?:imum)? context (?:length|size)",  # OpenAI, vLLM, OpenRouter
    r"exceed_context_size|(?:available|configured) context size",  # llama.cpp
    r"context (?:size|length|window|limit) (?:has been |was )?exceed|context_window_exceeded|context window exceeds",
    r"exceed\w* (?:the |this |your |its )?(?:model'?s? )?(?:maximum |max )?context",  # Ollama
    r"(?:longer|greater) than the (?:model'?s? |maximum )?(?:context|model) length",  # SGLang, LM Studio
    r"context (?:the )?overflows|context length of only|n_keep .{0,20}n_ctx",  # LM Studio
    r"maximum allowed (?:input )?length|maximum (?:prompt|input) length|input length .{0,60}exceed",  # SGLang, xAI
    r"(?:prompt|input)(?: is)? too (?:long|large)|input_too_long|request_too_large",  # Anthropic, Bedrock, Ollama
    r"input token count .{0,40}exceeds|range of input length|too large for model with",  # Gemini, Qwen, Mistral
    r"`?inputs`? (?:tokens \+ `?max_new_tokens|must have less than)",  # TGI
    r"reduce (?:the length of|your) (?:the )?(?:messages?|input|prompt)",  # Groq
    r"tokens? limit exceeded|exceeded model token limit",
    # Throttling has these words too, and says that one may come back.
    r"(?s:^(?!.*(?:\bwait|try again|retry)).*too many (?:input )?tokens)",
    r"more tokens than the|exceeds the limit of \d",
)

#: How many tokens the window holds, where the words for a prompt that does not fit say it.
WINDOW = re.compile(r"(?:context (?:length|window|size)|model length|max_new_tokens` must be)[^\d;]{0,40}?(\d[\d,]*)")

#: max_tokens is more than the model may write.
LIMIT_TOO_LARGE = _any(
    r"max[_ ]?(?:completion_|new_|output_)?tokens\b.{0,80}?(?:too large|at most|maximum|range|less than or equal|<=)",
    r"at most \d+ (?:completion|output) tokens|maximum allowed number of output tokens",
)

KEY = _any(
    r"invalid_api_key|api[ _-]?key[ _](?:is |was )?(?:not valid|invalid|expired|not found|disabled|missing|required)",
    r"(?:invalid|incorrect|wrong|expired|missing|revoked|no) (?:or \w+ )?api[ _-]?key",
    r"no auth credentials|account_deactivated",
)

#: The account is closed to its owner, often for what an earlier prompt was.
ACCOUNT = _any(
    r"(?:account|organi[sz]ation|user|access)_(?:suspended|disabled|banned|terminated|restricted|blocked)",
    r"\b(?:account|organi[sz]ation|workspace|access)\b(?:(?!request|prompt|input|content|message|polic)[^.]){0,60}?"
    r"\b(?:was|is|been) (?:\w+ )?"
    r"(?:suspended|deactivated|banned|disabled|terminated|closed|blocked|flagged|restricted|revoked)",
)

QUOTA = _any(
    r"insufficient[_ ](?:quota|credit|balance|fund)|exceeded your current quota|quota exceeded",
    r"billing|payment required|credit balance|out of credits|not enough credits|used all available credits|arrear|余额",
)
#: A limit over time: some providers have the words of a spent quota, or of a prompt that does not fit, for it.
REFILLS = re.compile(r"resource_exhausted|(?:retry|try again) in \d|per[ _]?min(?:ute)?\b|rate[_ ]limit")

MODEL = _any(
    r"model_?not_?found|unknown model|invalid model|not a valid model|model not exist|deploymentnotfound",
    r"models?\b.{0,120}(?:not (?:exist|found|available|supported)|does not exist|decommissioned|no longer|try pulling)",
    r"no (?:allowed providers|endpoints)",  # OpenRouter
)

#: HTTP was spoken to a port for https.
SPEAKS_TLS = re.compile(r"plain http request|http request (?:was sent )?to (?:an )?https")

#: A field of the request is not taken, or not in this form.
REFUSED = _any(
    r"unsupported|not[ _]support|n't support|not support|unavailable|incompatible|not compatible|deprecated",
    r"not[ _](?:permitted|allowed|available|enabled|implemented|recognized|valid)|invalid|unexpected",
    r"unrecognized|unknown|extra[ _](?:inputs|fields|forbidden)|must be|only the default|cannot both",
)
#: Behind these words stand fields and values that would be taken.
CHOICES = re.compile(r"\b(?:supported|allowed|valid|available|known|permitted|accepted)\s+(?:\w+\s*)?(?:are|:|include)")

#: The form in which the answer's format is asked for.
FORMAT = re.compile(
    r"response[ _]?format|json[ _-]?schema|json[ _]object|json[ _]mode|structured[ _-]?output|guided[ _]|xgrammar"
    r"|(?:json|parse|compile|invalid) grammar|grammar error"
)

#: Words that servers themselves say, and prompts as well: no name, and nothing that tells one prompt from another.
PLAIN = frozenset(
    """
    a able about access account after again all allowed already also an and any api are argument as at available
    azure bad be because been before being between block blocked body both but by call cannot character characters
    chat check code completion completions contact contain contains content context could data deployment detected
    did does doesn don due each either error errors exceed exceeded exceeds expected failed failure field fields
    filter filtered flagged following follows for format found from get given got guardrail had has have how however
    http https if in include includes including input inputs instead internal into invalid is isn issue it its json
    key large least length less limit long longer lower maximum message messages minimum missing model models
    moderation more most must name no none not number object of on one only openai or other our out output over
    parameter parameters parse phrase pii please policy potentially prohibited prompt provided provider quota range
    rate reach reached reason received reduce refused rejected request requested requests required resource response
    responses result return returned schema see sensitive sent server service should size so some status string
    structured such support supported supports system team term terms than that the their them then there these they
    this those time to token tokens too tool trigger triggered triggering try type unable under unexpected unknown
    unsupported until up upstream usage use used user users using valid value values version violate violates
    violation was way we were what when where whether which while who why with without word words would you your
    """.split()  # noqa: SIM905
)
