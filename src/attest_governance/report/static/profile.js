const flame = document.getElementById('flame'), about = document.getElementById('about');
const groups = [...flame.querySelectorAll('g')], height = flame.getAttribute('height');
let from = 0, to = 100;
function draw() {
  const width = flame.clientWidth || 1200;
  flame.setAttribute('viewBox', `0 0 ${width} ${height}`);
  for (const g of groups) {
    const x = +g.dataset.x, w = +g.dataset.w, left = Math.max(x, from), right = Math.min(x + w, to);
    const seen = right - left > (to - from) * 0.0005;
    g.style.display = seen ? '' : 'none';
    if (!seen) continue;
    const at = (left - from) / (to - from) * width, wide = (right - left) / (to - from) * width;
    const rect = g.querySelector('rect'), text = g.querySelector('text');
    rect.setAttribute('x', at); rect.setAttribute('width', wide);
    text.setAttribute('x', at + 4);
    const room = Math.floor((wide - 8) / 7.3), name = g.dataset.label;
    text.textContent = room < 3 ? '' : name.length > room ? name.slice(0, room - 1) + '…' : name;
  }
}
function tell(g) { about.textContent = g.querySelector('title').textContent; }
function zoom(g) { from = +g.dataset.x; to = from + +g.dataset.w; draw(); tell(g); }
for (const g of groups) {
  g.addEventListener('click', () => zoom(g));
  g.addEventListener('mouseenter', () => tell(g));
  g.addEventListener('focus', () => tell(g));
  g.addEventListener('keydown', e => { if (e.key === 'Enter' || e.key === ' ') { e.preventDefault(); zoom(g); } });
}
function reset() { from = 0; to = 100; draw(); }
document.getElementById('reset').addEventListener('click', reset);
document.addEventListener('keydown', e => { if (e.key === 'Escape') reset(); });
document.getElementById('find').addEventListener('input', e => {
  const word = e.target.value.toLowerCase();
  for (const g of groups) g.classList.toggle('match', word !== '' && g.dataset.name.toLowerCase().includes(word));
});
addEventListener('resize', draw);
draw();
