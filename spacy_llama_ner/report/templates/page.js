// Filters of the list of errors. What they say stands in the address, so that a view can be linked to.
(() => {
  const form = document.querySelector(".filters");
  if (!form) return;
  document.documentElement.classList.add("script");
  const errors = [...document.querySelectorAll(".error")].map((element) => ({
    element,
    values: element.dataset,
    text: element.textContent.toLowerCase(),
  }));
  const fields = [...form.elements].filter((field) => field.name);
  const output = form.querySelector("output");

  function matches(error, field) {
    if (!field.value) return true;
    if (field.name === "search") return error.text.includes(field.value.toLowerCase());
    if (field.name === "score") {
      const [low, high] = field.value.split("-").map(Number);
      const score = error.values.score === "" ? NaN : Number(error.values.score);
      return score >= low && (score < high || high === 1 && score === 1);
    }
    return error.values[field.name] === field.value;
  }

  function apply() {
    let shown = 0;
    for (const error of errors) {
      const show = fields.every((field) => matches(error, field));
      error.element.hidden = !show;
      shown += show;
    }
    output.textContent = `${shown.toLocaleString("en")} of ${errors.length.toLocaleString("en")} errors`;
  }

  function write() {
    const state = new URLSearchParams();
    for (const field of fields) if (field.value) state.set(field.name, field.value);
    history.replaceState(null, "", state.size ? `#${state}` : "#errors");
  }

  function read() {
    const state = new URLSearchParams(location.hash.slice(1));
    for (const field of fields) field.value = state.get(field.name) ?? "";
    apply();
    if (fields.some((field) => field.value)) document.querySelector("#errors").scrollIntoView();
  }

  for (const change of ["input", "change"]) form.addEventListener(change, () => { apply(); write(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { apply(); write(); }));
  window.addEventListener("hashchange", read);
  read();
})();
