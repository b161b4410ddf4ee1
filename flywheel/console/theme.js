// Runs before anything is painted, so that a chosen theme does not flash.
const chosen = localStorage.getItem("flywheel.theme");
if (chosen) document.documentElement.dataset.theme = chosen;
