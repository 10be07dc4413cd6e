"""The usual client against `cargo attn serve`: what it gets, and what the server counts.

    python -m pip install openai
    cargo attn serve --model quatrains &
    python tests/clients/completions.py http://127.0.0.1:8000/v1
"""

import sys
import urllib.request

import openai

base = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000/v1"
client = openai.OpenAI(base_url=base, api_key="none", max_retries=0)
model = client.models.list().data[0].id
print("the model:", model)


def metrics():
    page = urllib.request.urlopen(base.removesuffix("/v1") + "/metrics").read().decode()
    rows = (line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    return {name: int(value) for name, value in rows}


night = "床前明月光，"
ask = client.completions.create

whole = ask(model=model, prompt=night, max_tokens=18, temperature=0)
print("whole:   ", whole.choices[0].text, whole.choices[0].finish_reason, whole.usage.total_tokens)

stream = ask(model=model, prompt=night, max_tokens=18, temperature=0, stream=True)
pieces = [chunk.choices[0].text for chunk in stream]
print("streamed:", "|".join(pieces))
assert "".join(pieces) == whole.choices[0].text

stopped = ask(model=model, prompt=night, max_tokens=18, temperature=0, stop=["。"])
print("stopped: ", stopped.choices[0].text, stopped.choices[0].finish_reason)

samples = ask(model=model, prompt="白", max_tokens=5, n=3, temperature=1.5, seed=4)
print("samples: ", [choice.text for choice in samples.choices])
again = ask(model=model, prompt="白", max_tokens=5, n=3, temperature=1.5, seed=4)
assert [choice.text for choice in again.choices] == [choice.text for choice in samples.choices]

for wrong in [dict(prompt="Hello"), dict(prompt=night, max_tokens=100), dict(prompt="", n=1)]:
    try:
        ask(model=model, **wrong)
    except openai.BadRequestError as error:
        print("refused: ", error.status_code, error.body["message"])

# Goes away after the first piece.
with ask(model=model, prompt="床", max_tokens=20, temperature=0, stream=True) as stream:
    next(iter(stream))
after = metrics()
while after['attn_blocks{state="used"}'] or after['attn_texts{state="running"}']:
    after = metrics()
print("blocks in use:", after['attn_blocks{state="used"}'])
