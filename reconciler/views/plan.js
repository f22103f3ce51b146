// The filter, the folds and the keys of a plan's page. The page can be read without any of it.
(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const input = document.getElementById("words");
  const shown = document.getElementById("shown");
  const sections = all(".section");
  const actions = new Set();
  const kinds = new Set();

  const entries = all(".entry").map((element) => ({
    element,
    action: element.dataset.action === "none" ? "unchanged" : element.dataset.action,
    kinds: element.dataset.kinds.split(" "),
    count: element.querySelector(".count"),
    said: element.querySelector(".count")?.textContent,
    about: all(".changes, .why, .source", element).map((part) => part.textContent.toLowerCase()).join("\n"),
    names: all(".name", element).map((name) => ({ element: name, text: name.textContent.toLowerCase() })),
  }));
  // A repository can stand in several entries and counts once.
  const total = new Set(entries.flatMap((entry) => entry.names.map((name) => name.text))).size;

  function allowed(entry) {
    if (actions.size && !actions.has(entry.action)) return false;
    return !kinds.size || entry.kinds.some((kind) => kinds.has(kind));
  }

  // A repository is shown when each word is in its name or in what changes in it.
  function matching(entry, words) {
    const left = words.filter((word) => !entry.about.includes(word));
    return entry.names.filter((name) => {
      const found = left.every((word) => name.text.includes(word));
      if (name.element.tagName === "LI") name.element.hidden = !found;
      return found;
    });
  }

  function counted(entry, found) {
    return found === entry.names.length ? entry.said : `${found.toLocaleString("en")} of ${entry.said}`;
  }

  function apply() {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const filtered = words.length > 0 || actions.size > 0 || kinds.size > 0;
    const names = new Set();
    for (const entry of entries) {
      const found = allowed(entry) ? matching(entry, words) : [];
      entry.element.hidden = found.length === 0;
      if (entry.count) entry.count.textContent = counted(entry, found.length);
      for (const name of found) names.add(name.text);
    }
    for (const section of sections) {
      const inside = all(".entry", section);
      section.hidden = filtered && inside.every((entry) => entry.hidden);
    }
    const of = total.toLocaleString("en");
    shown.textContent = filtered ? `${names.size.toLocaleString("en")} of ${of} repositories` : `${of} repositories`;
  }

  let waiting = 0;
  function soon() {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(apply);
  }

  function toggle(button, chosen, value) {
    const pressed = !chosen.delete(value);
    if (pressed) chosen.add(value);
    button.setAttribute("aria-pressed", String(pressed));
    apply();
  }

  for (const button of all(".tile:not(.empty)")) {
    button.disabled = false;
    button.addEventListener("click", () => toggle(button, actions, button.dataset.action));
  }
  for (const button of all("[data-kind]")) {
    button.addEventListener("click", () => toggle(button, kinds, button.dataset.kind));
  }
  for (const button of all("[data-fold]")) {
    button.addEventListener("click", () => {
      for (const entry of entries) if (!entry.element.hidden) entry.element.open = button.dataset.fold === "open";
    });
  }
  input.addEventListener("input", soon);

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/" && document.activeElement !== input) {
      event.preventDefault();
      input.focus();
      input.select();
    } else if (event.key === "Escape" && document.activeElement === input) {
      input.value = "";
      apply();
      input.blur();
    }
  });

  // Browsers that do not know ::details-content print what is folded only when it is open.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details:not([open])");
    for (const element of opened) element.open = true;
  });
  addEventListener("afterprint", () => {
    for (const element of opened) element.open = false;
  });

  document.getElementById("filter").hidden = false;
  apply();
})();
