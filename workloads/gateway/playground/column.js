// One model's conversation.

import { chat } from "./api.js";
import { count, el, seconds, sentence, usd } from "./dom.js";

const REASONS = {
  length: "It ended at the longest answer that the settings allow.",
  content_filter: "A guardrail has stepped in.",
  tool_calls: "The model wanted to call a tool; the playground has none.",
};

export class Column {
  /** `prices` by model; `changed` is called when it begins or ends, `close` to take it away. */
  constructor(model, prices, { changed, close }) {
    this.model = model;
    this.prices = prices;
    this.changed = changed;
    this.history = []; // whole turns only
    this.running = null;
    this.halt = el("button", { className: "quiet", hidden: true, ariaLabel: `Stop ${model}` }, "Stop");
    this.halt.addEventListener("click", () => this.stop());
    const gone = el("button", { className: "quiet", ariaLabel: `Remove ${model}`, title: "Remove" }, "×");
    gone.addEventListener("click", close);
    this.log = el("div", { className: "log", role: "log", tabIndex: 0, ariaLabel: `Conversation with ${model}` });
    this.clear();
    const head = el("header", {}, el("h3", { title: model }, model), this.halt, gone);
    this.element = el("section", { className: "column", "data-model": model }, head, this.log);
  }

  get busy() {
    return this.running !== null;
  }

  stop() {
    this.running?.abort();
  }

  clear() {
    this.stop();
    this.history = [];
    this.log.replaceChildren(el("p", { className: "empty" }, "Nothing was asked yet."));
  }

  async ask(question, system, settings) {
    this.log.querySelector(".empty")?.remove();
    const turn = new Turn(question);
    this.log.append(turn.element);
    this.follow(true);
    const running = (this.running = new AbortController());
    this.halt.hidden = false;
    this.changed();
    const first = system ? [{ role: "system", content: system }] : [];
    const messages = [...first, ...this.history, { role: "user", content: question }];
    try {
      const request = { model: this.model, messages, ...settings };
      const answer = await chat(request, running.signal, (text, aside) => {
        const atEnd = this.isAtEnd();
        turn.add(text, aside);
        this.follow(atEnd);
      });
      turn.finish(answer, this.model, this.prices);
      this.history.push({ role: "user", content: question }, { role: "assistant", content: turn.text });
    } catch (error) {
      turn.fail(error);
    }
    if (this.running === running) this.running = null;
    this.halt.hidden = !this.busy;
    this.follow(true);
    this.changed();
  }

  isAtEnd() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 40;
  }

  follow(wanted) {
    if (wanted) this.log.scrollTop = this.log.scrollHeight;
  }
}

/** A question, its answer as it comes, and what it took. */
class Turn {
  constructor(question) {
    this.began = performance.now();
    this.first = null;
    this.text = "";
    this.aside = el("p", { className: "aside", hidden: true });
    this.body = el("div", { className: "answer", ariaBusy: "true" });
    this.foot = el("footer", { className: "facts" }, "waiting…");
    this.element = el("article", { className: "turn" }, el("p", { className: "question" }, question), this.aside, this.body, this.foot);
  }

  add(text, aside) {
    if (this.first === null) {
      this.first = performance.now() - this.began;
      this.foot.replaceChildren(fact("first token", seconds(this.first)));
    }
    if (aside) {
      this.aside.hidden = false;
      this.aside.append(text);
    } else {
      this.text += text;
      this.body.append(text);
    }
  }

  finish({ model, usage, reason }, asked, prices) {
    const took = performance.now() - this.began;
    this.body.ariaBusy = "false";
    this.body.replaceChildren(...withCode(this.text));
    const facts = [fact("first token", this.first === null ? "none" : seconds(this.first)), fact("in all", seconds(took))];
    if (usage) {
      // From the first token to the end; an answer that came at once has no such time.
      const writing = took - (this.first ?? took);
      const rate = (usage.completion_tokens / (writing >= 20 ? writing : took)) * 1000;
      facts.push(
        fact("tokens/s", rate >= 100 ? count(Math.round(rate)) : rate.toFixed(1)),
        fact("tokens", `${count(usage.prompt_tokens)} in, ${count(usage.completion_tokens)} out`),
        fact("cost", cost(usage, prices.get(model ?? asked))),
      );
    }
    if (model && model !== asked) facts.push(fact("answered by", model));
    this.foot.replaceChildren(...facts);
    if (REASONS[reason]) this.foot.after(el("p", { className: "note" }, REASONS[reason]));
  }

  fail(error) {
    this.body.ariaBusy = "false";
    if (error.name === "AbortError") {
      this.foot.append(fact("stopped", `after ${seconds(performance.now() - this.began)}`));
      if (this.first === null) this.foot.firstChild.remove();
      return;
    }
    if (this.first === null) this.foot.remove();
    const wait = error.wait && !error.message.includes("Try again") ? ` Try again in ${error.wait} s.` : "";
    const message = sentence(error.message) + wait;
    const status = error.status ? el("strong", {}, `${error.status} `) : "";
    this.element.append(el("p", { className: "error", role: "alert" }, status, message));
  }
}

/** The text, with what stands between fences (```) as code. */
const withCode = (text) =>
  text
    .split(/^```[^\n`]*\n?/m)
    .map((part, index) => (index % 2 ? el("pre", { tabIndex: 0 }, el("code", {}, part.trimEnd())) : part));

const fact = (name, value) => el("span", { "data-fact": name }, el("small", {}, name), el("b", {}, value));

/** USD by the list of prices; tokens written to a cache are counted as ordinary input here. */
function cost(usage, price) {
  if (!price) return "no price";
  const cached = usage.prompt_tokens_details?.cached_tokens ?? 0;
  const input = (usage.prompt_tokens - cached) * price.input + cached * (price.cache_read ?? price.input);
  return usd((input + usage.completion_tokens * price.output) / 1e6);
}
