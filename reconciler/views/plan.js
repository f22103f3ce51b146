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
    about: all(".changes, .why, .source, .body > .resolved", element).map((part) => part.textContent.toLowerCase()).join("\n"),
    names: all(".name", element).map((name) => {
      const item = name.closest("li");
      const also = item ? all(".resolved", item).map((part) => part.textContent.toLowerCase()).join("\n") : "";
      return { item, text: name.textContent.toLowerCase(), also };
    }),
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
      const found = left.every((word) => name.text.includes(word) || name.also.includes(word));
      if (name.item) name.item.hidden = !found;
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

  // Unfold and show what the address points to, and drop a filter that hides it.
  function reveal() {
    const target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    if (target.closest("[hidden]")) {
      input.value = "";
      for (const button of all("[aria-pressed=true]")) button.setAttribute("aria-pressed", "false");
      actions.clear();
      kinds.clear();
      apply();
    }
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    target.closest("summary")?.focus({ preventScroll: true });
    // Once what was unfolded has its size, and again once the entries that came into view have theirs.
    requestAnimationFrame(() => {
      target.scrollIntoView({ block: "center" });
      requestAnimationFrame(() => target.scrollIntoView({ block: "center" }));
    });
  }

  // A summary is a control by itself and may hold no other: its links are inside.
  function linksOf(fold) {
    const inside = fold.querySelector(":scope > .body") ?? fold;
    const found = inside.querySelector(":scope > .links");
    if (found) return found;
    const made = document.createElement("p");
    made.className = "links";
    inside.append(made);
    return made;
  }

  for (const name of all(".name[id]")) {
    const link = document.createElement("a");
    link.className = "link";
    link.href = `#${name.id}`;
    const fold = name.parentElement.tagName === "SUMMARY" ? name.parentElement.parentElement : null;
    link.textContent = fold ? "Permalink" : "#";
    link.setAttribute("aria-label", `Permalink to ${name.textContent}`);
    if (fold) linksOf(fold).append(link);
    else name.after(link);
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
    opened = all("details:not([open], .overlay)");
    for (const element of opened) element.open = true;
  });
  addEventListener("afterprint", () => {
    for (const element of opened) element.open = false;
  });

  document.getElementById("filter").hidden = false;
  apply();
  addEventListener("hashchange", reveal);
  addEventListener("load", reveal);
})();
