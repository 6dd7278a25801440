/** A pen that draws SVG: it takes what the painters ask of a 2D context, so that a picture on the screen and one in a file are the same. */

const attribute = (s: string) => s.replace(/[&<>"\u0000-\u001f\ud800-\udfff]/gu, c => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? '·');
const n = (v: number) => String(Math.round(v * 100) / 100);

export class SvgPen {
  fillStyle: string | CanvasGradient | CanvasPattern = '#000';
  strokeStyle: string | CanvasGradient | CanvasPattern = '#000';
  lineWidth = 1;
  lineJoin: CanvasLineJoin = 'miter';
  lineCap: CanvasLineCap = 'butt';
  font = '10px sans-serif';
  textAlign: CanvasTextAlign = 'start';
  textBaseline: CanvasTextBaseline = 'alphabetic';
  globalAlpha = 1;
  imageSmoothingEnabled = true;
  private dash: number[] = [];
  private path: string[] = [];
  private readonly parts: string[] = [];
  private at = '';

  /** `measure` says how wide a text is: a real context, whose font is set. */
  constructor(private readonly measure: CanvasRenderingContext2D | null) {}

  beginPath(): void { this.path = []; }
  moveTo(x: number, y: number): void { this.path.push(`M${n(x)} ${n(y)}`); }
  lineTo(x: number, y: number): void { this.path.push(`${this.path.length ? 'L' : 'M'}${n(x)} ${n(y)}`); }
  bezierCurveTo(a: number, b: number, c: number, d: number, x: number, y: number): void { this.path.push(`C${n(a)} ${n(b)} ${n(c)} ${n(d)} ${n(x)} ${n(y)}`); }
  quadraticCurveTo(a: number, b: number, x: number, y: number): void { this.path.push(`Q${n(a)} ${n(b)} ${n(x)} ${n(y)}`); }
  closePath(): void { if (this.path.length) this.path.push('Z'); }
  rect(x: number, y: number, w: number, h: number): void { this.path.push(`M${n(x)} ${n(y)}h${n(w)}v${n(h)}h${n(-w)}Z`); }

  roundRect(x: number, y: number, w: number, h: number, radius: number | number[] = 0): void {
    const r = Math.min(Math.abs(Array.isArray(radius) ? radius[0] ?? 0 : radius), w / 2, h / 2);
    this.path.push(`M${n(x + r)} ${n(y)}h${n(w - 2 * r)}a${n(r)} ${n(r)} 0 0 1 ${n(r)} ${n(r)}v${n(h - 2 * r)}a${n(r)} ${n(r)} 0 0 1 ${n(-r)} ${n(r)}h${n(2 * r - w)}a${n(r)} ${n(r)} 0 0 1 ${n(-r)} ${n(-r)}v${n(2 * r - h)}a${n(r)} ${n(r)} 0 0 1 ${n(r)} ${n(-r)}Z`);
  }

  arc(x: number, y: number, r: number, from: number, to: number): void {
    const span = Math.min(Math.abs(to - from), 2 * Math.PI), point = (a: number) => `${n(x + r * Math.cos(a))} ${n(y + r * Math.sin(a))}`, half = from + span / 2;
    this.path.push(`M${point(from)}A${n(r)} ${n(r)} 0 0 1 ${point(half)}A${n(r)} ${n(r)} 0 0 1 ${point(from + span)}`);
  }

  fill(): void { if (this.path.length) this.put(`<path d="${this.path.join('')}" fill="${attribute(String(this.fillStyle))}"${this.alpha()}/>`); }
  stroke(): void {
    if (!this.path.length) return;
    const dash = this.dash.length ? ` stroke-dasharray="${this.dash.map(n).join(' ')}"` : '';
    this.put(`<path d="${this.path.join('')}" fill="none" stroke="${attribute(String(this.strokeStyle))}" stroke-width="${n(this.lineWidth)}" stroke-linejoin="${this.lineJoin}"${dash}${this.alpha()}/>`);
  }
  fillRect(x: number, y: number, w: number, h: number): void { this.put(`<rect x="${n(x)}" y="${n(y)}" width="${n(w)}" height="${n(h)}" fill="${attribute(String(this.fillStyle))}"${this.alpha()}/>`); }
  strokeRect(x: number, y: number, w: number, h: number): void { this.put(`<rect x="${n(x)}" y="${n(y)}" width="${n(w)}" height="${n(h)}" fill="none" stroke="${attribute(String(this.strokeStyle))}" stroke-width="${n(this.lineWidth)}"/>`); }
  setLineDash(dash: number[]): void { this.dash = [...dash]; }

  fillText(text: string, x: number, y: number): void {
    const [, weight = '', size = '10', family = 'sans-serif'] = /^\s*(bold |\d{3} )?\s*([\d.]+)px\s+(.*)$/.exec(this.font) ?? [], anchor = { center: 'middle', right: 'end', end: 'end' }[this.textAlign as string] ?? 'start';
    // Viewers disagree about baselines other than the alphabetic one.
    const down = this.textBaseline === 'middle' ? Number(size) * 0.35 : this.textBaseline === 'top' ? Number(size) * 0.8 : 0;
    if (text) this.put(`<text x="${n(x)}" y="${n(y + down)}" font-size="${n(Number(size))}" font-family="${attribute(family)}"${weight ? ` font-weight="${weight.trim()}"` : ''} text-anchor="${anchor}" fill="${attribute(String(this.fillStyle))}"${this.alpha()}>${attribute(text)}</text>`);
  }

  measureText(text: string): TextMetrics {
    if (this.measure) { this.measure.font = this.font; return this.measure.measureText(text); }
    return { width: text.length * 0.57 * Number(/([\d.]+)px/.exec(this.font)?.[1] ?? 10) } as TextMetrics;
  }

  setTransform(a: number, b: number, c: number, d: number, e: number, f: number): void {
    if (this.at) this.parts.push('</g>');
    this.at = `matrix(${[a, b, c, d, e, f].map(v => Math.round(v * 1e4) / 1e4).join(' ')})`;
    this.parts.push(`<g transform="${this.at}">`);
  }
  save(): void {}
  restore(): void {}

  document(width: number, height: number, title: string): string {
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${n(width)}" height="${n(height)}" viewBox="0 0 ${n(width)} ${n(height)}" role="img"><title>${attribute(title)}</title>${this.parts.join('')}${this.at ? '</g>' : ''}</svg>\n`;
  }

  private put(part: string): void { this.parts.push(part); }
  private alpha(): string { return this.globalAlpha < 1 ? ` opacity="${n(this.globalAlpha)}"` : ''; }
}
