// What pages do better with JavaScript; everything works without it.

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  setTimeout(() => delete form.dataset.sent, 4000);
});

// A part marked `data-live` asks for the page again every few seconds and takes its own part of it,
// as long as work is under way, the page is looked at, and nobody is typing in it.
for (const part of document.querySelectorAll("[data-live]")) {
  const again = async () => {
    const here = document.getElementById(part.id);
    if (!here || !here.hasAttribute("data-live")) return;
    if (!document.hidden && !here.contains(document.activeElement)) {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
      if (answer && answer.ok && !answer.redirected) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById(part.id);
        if (fresh) here.replaceWith(document.adoptNode(fresh));
      }
    }
    setTimeout(again, Number(part.dataset.live) * 1000);
  };
  setTimeout(again, Number(part.dataset.live) * 1000);
}

// The preview of a mail as wide as a phone.
for (const box of document.querySelectorAll("[data-narrow]")) {
  box.addEventListener("change", () => {
    document.getElementById(box.dataset.narrow).classList.toggle("narrow", box.checked);
  });
}

// A button marked `data-copy` copies the text of the part it names; without a clipboard it stays hidden.
for (const button of navigator.clipboard ? document.querySelectorAll("[data-copy]") : []) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
  });
}
