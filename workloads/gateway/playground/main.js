// The door (a key), and behind it two views: chat and usage.

import { forget, keep, key, models } from "./api.js";
import { openChat, stopAll } from "./chat.js";
import { byId, sentence, tell } from "./dom.js";
import { openUsage, showUsage } from "./usage.js";

async function enter() {
  const submit = byId("key-form").querySelector("button");
  submit.disabled = true;
  try {
    const found = await models();
    openChat(found);
    openUsage();
    byId("tenant").textContent = `key …${key().slice(-4)}`;
    byId("door").hidden = true;
    byId("room").hidden = false;
    show("chat");
  } catch (error) {
    forget();
    leave(error.status === 401 ? refusal(error.message) : sentence(error.message));
  } finally {
    submit.disabled = false;
  }
}

const refusal = (message) =>
  message.includes("expired") ? "That key has expired." : "This gateway does not know that key.";

function leave(reason = "") {
  stopAll();
  byId("room").hidden = true;
  byId("door").hidden = false;
  tell(byId("key-error"), reason);
  byId("key").value = "";
  byId("key").focus();
}

function show(view) {
  for (const name of ["chat", "usage"]) {
    const chosen = name === view;
    byId(name).hidden = !chosen;
    byId(`tab-${name}`).setAttribute("aria-selected", chosen);
    byId(`tab-${name}`).tabIndex = chosen ? 0 : -1;
  }
  if (view === "usage") showUsage();
  else byId("question").focus();
}

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  keep(byId("key").value.trim());
  tell(byId("key-error"), "");
  enter();
});
byId("leave").addEventListener("click", () => {
  forget();
  location.reload(); // nothing of the conversation stays either
});
for (const view of ["chat", "usage"]) {
  const tab = byId(`tab-${view}`);
  tab.addEventListener("click", () => show(view));
  tab.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const other = view === "chat" ? "usage" : "chat";
    show(other);
    byId(`tab-${other}`).focus();
  });
}

if (key()) enter();
else leave();
