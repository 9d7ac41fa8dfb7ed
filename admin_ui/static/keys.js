// A key presses the button that carries it in `data-key`, where one is to be seen. "Shift+A" is the
// key with Shift held. Nothing happens while somebody types, or with Ctrl, Alt or Meta.

const typing = (at) => at.closest("input, textarea, select, [contenteditable]");
const seen = (button) => button.getClientRects().length > 0 && !button.disabled;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  if (event.key === "Escape") {
    for (const open of document.querySelectorAll("details.reveal[open]")) {
      open.open = false;
      open.querySelector("summary").focus();
    }
    return;
  }
  if (typing(event.target)) return;
  const key = event.shiftKey && /^[a-z]$/i.test(event.key) ? `Shift+${event.key.toUpperCase()}` : event.key;
  const button = [...document.querySelectorAll("[data-key]")].find(
    (one) => one.dataset.key === key && seen(one),
  );
  if (!button) return;
  event.preventDefault();
  button.focus();
  button.click();
});

// How long something can still be undone: counted down, and gone when it is over.
for (const clock of document.querySelectorAll("[data-left]")) {
  const end = performance.now() + Number(clock.dataset.left) * 1000;
  const tick = () => {
    const left = Math.ceil((end - performance.now()) / 1000);
    if (left <= 0) {
      clock.closest("[data-until]").remove();
      return;
    }
    clock.textContent = left;
    setTimeout(tick, 250);
  };
  tick();
}

// The threshold's slider says what would have passed: "stop:passed:approved:of" for each stop.
for (const slider of document.querySelectorAll("[data-passed]")) {
  const form = slider.closest("form");
  slider.addEventListener("input", () => {
    form.querySelector("[data-threshold]").textContent = slider.value;
    const stop = slider.dataset.passed.split(" ").find((one) => one.startsWith(`${slider.value}:`));
    const [, passed, approved, of] = (stop || "").split(":");
    if (!of || of === "0") return;
    form.querySelector("[data-said]").textContent =
      `${passed} of your last ${of} campaigns would have passed; ${approved} of these you approved as they were.`;
  });
}
