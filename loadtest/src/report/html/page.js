// Tooltips where the pointer is, instead of the browser's own, which come late. The page is complete without them.
for (const plot of document.querySelectorAll('.plot')) {
  const stops = plot.querySelectorAll('.stops rect');
  if (!stops.length) continue;
  const tip = document.createElement('div');
  tip.className = 'tip';
  tip.hidden = true;
  plot.append(tip);
  for (const stop of stops) {
    const title = stop.querySelector('title');
    const text = title.textContent;
    title.remove();
    stop.addEventListener('pointerenter', () => {
      tip.textContent = text;
      tip.hidden = false;
      const frame = plot.getBoundingClientRect(), box = stop.getBoundingClientRect();
      const middle = box.left + box.width / 2 - frame.left;
      tip.style.left = Math.max(0, Math.min(middle + 12, frame.width - tip.offsetWidth)) + 'px';
      if (middle + 12 + tip.offsetWidth > frame.width) tip.style.left = Math.max(0, middle - 12 - tip.offsetWidth) + 'px';
    });
  }
  plot.addEventListener('pointerleave', () => { tip.hidden = true; });
}
