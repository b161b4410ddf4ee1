// What a person had in hand when a view is shown anew: the focus, and what was unfolded.

const FOCUSABLE = "a[href], button, input, select, textarea, summary";

const nameOf = (element) => `${element.tagName} ${element.name || element.getAttribute("aria-label") || element.textContent}`;

// Call it before; what it returns, after.
export function kept(place) {
  const held = place.contains(document.activeElement) && place !== document.activeElement ? document.activeElement : null;
  const name = held && nameOf(held);
  const rank = held && alike(place, name).indexOf(held);
  const open = [...place.querySelectorAll("details[open] > summary")].map((one) => one.textContent);
  return () => {
    for (const summary of place.querySelectorAll("details > summary")) {
      if (open.includes(summary.textContent)) summary.parentElement.open = true;
    }
    if (held) (alike(place, name)[rank] ?? alike(place, name)[0] ?? place).focus({ preventScroll: true });
  };
}

const alike = (place, name) => [...place.querySelectorAll(FOCUSABLE)].filter((one) => nameOf(one) === name);
