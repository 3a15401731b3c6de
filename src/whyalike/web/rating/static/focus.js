/** Lets Enter go on, where that is the one thing to do. Without it, Tab leads there. */
document.getElementById('on')?.focus();
