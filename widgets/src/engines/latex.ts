/**
 * The part of LaTeX that formulas of ops are written in, as MathML: every browser draws that by itself.
 * What is not known is shown as it was written, never dropped.
 */

import { ACCENTS, FENCES, NAMES, OPERATORS, SPACES, SYMBOLS } from './latex_symbols';

const NS = 'http://www.w3.org/1998/Math/MathML';

/** A tree that needs no page: tests read it, `mathOf` makes elements of it. */
export interface MathNode { tag: string; text?: string; attributes?: Record<string, string>; children?: MathNode[] }

const leaf = (tag: string, text: string, attributes?: Record<string, string>): MathNode => ({ tag, text, ...(attributes && { attributes }) });
const group = (children: MathNode[]): MathNode => (children.length === 1 ? children[0]! : { tag: 'mrow', children });

type Token = { kind: 'command' | 'char' | 'open' | 'close' | 'script' | 'align' | 'break'; text: string; at: number };

function tokens(source: string): Token[] {
  const found: Token[] = [];
  for (let i = 0; i < source.length;) {
    const at = i, c = source[i]!;
    if (c === '\\') {
      const word = /^\\([A-Za-z]+|.)?/.exec(source.slice(i))![0];
      i += word.length;
      found.push({ kind: word === '\\\\' ? 'break' : 'command', text: word.slice(1), at });
      continue;
    }
    i++;
    if (/\s/.test(c)) continue;
    found.push({ kind: c === '{' ? 'open' : c === '}' ? 'close' : c === '^' || c === '_' ? 'script' : c === '&' ? 'align' : 'char', text: c, at });
  }
  return found;
}

class Reader {
  private at = 0;
  private readonly list: Token[];

  constructor(private readonly source: string) {
    this.list = tokens(source);
  }

  /** Lines of cells, up to the end or to what `stop` recognises. */
  rows(stop: (token: Token) => boolean = () => false): MathNode[][] {
    const rows: MathNode[][] = [[]];
    let cell: MathNode[] = [];
    const push = () => { rows.at(-1)!.push({ tag: 'mrow', children: cell }); cell = []; };
    for (let t = this.peek(); t && !stop(t); t = this.peek()) {
      if (t.kind === 'align') { this.at++; push(); } else if (t.kind === 'break') { this.at++; push(); rows.push([]); } else this.item(cell);
    }
    push();
    return rows;
  }

  private peek(): Token | undefined {
    return this.list[this.at];
  }

  /** Reads one thing with its scripts and puts it on `into`. */
  private item(into: MathNode[]): void {
    const base = this.peek()!.kind === 'script' ? leaf('mrow', '') : this.atom();
    if (!base) return;
    let below: MathNode | null = null, above: MathNode | null = null, primes = '';
    for (let t = this.peek(); t; t = this.peek()) {
      if (t.kind === 'char' && t.text === "'") { this.at++; primes += '′'; continue; }
      if (t.kind !== 'script') break;
      this.at++;
      const script = this.argument();
      if (t.text === '^') above = script; else below = script;
    }
    if (primes) above = group([leaf('mo', primes), ...(above ? [above] : [])]);
    if (!below && !above) { into.push(base); return; }
    const large = base.attributes?.movablelimits !== undefined || base.attributes?.limits !== undefined;
    const tag = large ? (below && above ? 'munderover' : below ? 'munder' : 'mover') : below && above ? 'msubsup' : below ? 'msub' : 'msup';
    into.push({ tag, children: [base, ...(below ? [below] : []), ...(above ? [above] : [])] });
  }

  /** A group in braces, or the next single thing. */
  private argument(): MathNode {
    const t = this.peek();
    if (!t) return { tag: 'mrow', children: [] };
    if (t.kind === 'open') return this.braces();
    if (t.kind === 'char' && /\d/.test(t.text)) { this.at++; return leaf('mn', t.text); }   // x^23 is x^2 3
    return this.atom() ?? { tag: 'mrow', children: [] };
  }

  private braces(): MathNode {
    this.at++;
    const inside: MathNode[] = [];
    for (let t = this.peek(); t && t.kind !== 'close'; t = this.peek()) if (t.kind === 'align' || t.kind === 'break') this.at++; else this.item(inside);
    this.at++;
    return group(inside);
  }

  /** What stands in the braces that come next, letter by letter. */
  private raw(): string {
    if (this.peek()?.kind !== 'open') { const t = this.peek(); if (t) this.at++; return t?.text ?? ''; }
    const from = this.peek()!.at + 1;
    let depth = 0, end = this.source.length;
    for (let t = this.peek(); t; t = this.peek()) {
      this.at++;
      if (t.kind === 'open') depth++;
      if (t.kind === 'close' && --depth === 0) { end = t.at; break; }
    }
    return this.source.slice(from, end).replace(/\\([_%#&$ {}])/g, '$1');
  }

  private atom(): MathNode | null {
    const t = this.peek()!;
    if (t.kind === 'open') return this.braces();
    if (t.kind === 'command') return this.command();
    if (t.kind === 'char' && /[\d.]/.test(t.text)) {
      let number = '', last = t.at - 1;
      for (let d = this.peek(); d && d.kind === 'char' && /[\d.]/.test(d.text) && d.at === last + 1; d = this.peek()) { number += d.text; last = d.at; this.at++; }
      return leaf(number === '.' ? 'mo' : 'mn', number);
    }
    this.at++;
    if (t.kind !== 'char') return t.kind === 'close' ? null : leaf('mtext', t.text);
    if (/\p{L}/u.test(t.text)) return leaf('mi', t.text);
    if ('()[]|'.includes(t.text)) return leaf('mo', t.text, { stretchy: 'false' });
    return leaf('mo', t.text === '-' ? '−' : t.text === '*' ? '∗' : t.text);
  }

  private command(): MathNode | null {
    const { text } = this.peek()!;
    this.at++;
    const symbol = SYMBOLS[text], operator = OPERATORS[text], accent = ACCENTS[text], space = SPACES[text];
    if (symbol) return leaf('mi', symbol, /^[A-Z]/.test(text) ? { mathvariant: 'normal' } : undefined);
    if (operator) return leaf('mo', operator, /^(sum|prod|bigoplus)$/.test(text) ? { movablelimits: 'true' } : undefined);
    if (NAMES.has(text)) return leaf('mi', text, { mathvariant: 'normal', ...(/^(max|min|argmax|argmin|lim|sup|inf)$/.test(text) && { limits: '' }) });
    if (space) return { tag: 'mspace', attributes: { width: space } };
    // A line drawn by rule: without a font for mathematics the sign would lie on the letter.
    if (text === 'bar' || text === 'overline') return { tag: 'mrow', attributes: { class: 'ts-overbar' }, children: [this.argument()] };
    if (accent) return { tag: 'mover', attributes: { accent: 'true' }, children: [this.argument(), leaf('mo', accent, { stretchy: text.startsWith('wide') ? 'true' : 'false' })] };
    switch (text) {
      case 'frac': case 'tfrac': case 'dfrac': {
        const fraction: MathNode = { tag: 'mfrac', children: [this.argument(), this.argument()] };
        return text === 'tfrac' ? { tag: 'mstyle', attributes: { displaystyle: 'false', scriptlevel: '0' }, children: [fraction] } : fraction;
      }
      case 'sqrt': {
        if (this.peek()?.text !== '[') return { tag: 'msqrt', children: [this.argument()] };
        this.at++;
        const index: MathNode[] = [];
        while (this.peek() && this.peek()!.text !== ']') this.item(index);
        this.at++;
        return { tag: 'mroot', children: [this.argument(), group(index)] };
      }
      case 'operatorname': {
        if (this.peek()?.text === '*') this.at++;
        return leaf('mi', this.raw(), { mathvariant: 'normal' });
      }
      case 'text': case 'textrm': case 'mbox': return leaf('mtext', this.raw().replace(/^ | $/g, '\u00a0'));
      case 'texttt': case 'mathtt': return leaf('mtext', this.raw(), { class: 'ts-mono' });
      case 'mathrm': return leaf('mi', this.raw(), { mathvariant: 'normal' });
      case 'mathbf': case 'boldsymbol': case 'bm': return { tag: 'mrow', attributes: { style: 'font-weight: bold' }, children: [this.argument()] };
      case 'mathbb': case 'mathcal': return this.argument();
      case 'mathrel': {
        const relation = this.argument(), next = this.peek();
        if (relation.tag !== 'mo' || next?.kind !== 'char' || next.text !== '=') return relation;
        this.at++;
        return leaf('mo', `${relation.text}=`);           // "+=" is one sign
      }
      case 'mathbin': case 'mathop': return this.argument();
      case 'left': return this.fenced();
      case 'begin': return this.environment();
      case 'textstyle': case 'displaystyle': case 'limits': case 'nolimits': case 'big': case 'Big': case 'bigl': case 'bigr': case 'middle': return null;
      case '{': case '}': case '|': case '%': case '#': case '&': case '_': case '$': return leaf('mo', text === '|' ? '‖' : text, { stretchy: 'false' });
      case 'right': case 'end': return null;
      case '': return leaf('mtext', '\\');
      default: return leaf('mtext', `\\${text}`);
    }
  }

  private fence(): MathNode | null {
    const t = this.peek();
    if (!t) return null;
    this.at++;
    const sign = t.kind === 'command' ? FENCES[t.text] ?? OPERATORS[t.text] ?? t.text : t.text;
    return sign === '.' ? null : leaf('mo', sign, { stretchy: 'true', fence: 'true' });
  }

  private fenced(): MathNode {
    const open = this.fence(), inside: MathNode[] = [];
    for (let t = this.peek(); t && !(t.kind === 'command' && t.text === 'right') && t.kind !== 'close'; t = this.peek()) if (t.kind === 'align' || t.kind === 'break') this.at++; else this.item(inside);
    let close: MathNode | null = null;
    if (this.peek()?.text === 'right') { this.at++; close = this.fence(); }
    return { tag: 'mrow', children: [...(open ? [open] : []), ...inside, ...(close ? [close] : [])] };
  }

  private environment(): MathNode {
    const name = this.raw(), rows = this.rows(t => t.kind === 'command' && t.text === 'end');
    if (this.peek()) { this.at++; this.raw(); }
    const table = tableOf(rows, name === 'cases' ? 'left' : name === 'matrix' || name === 'pmatrix' || name === 'gathered' ? 'center' : 'left');
    const [open, close] = { cases: ['{', ''], pmatrix: ['(', ')'], bmatrix: ['[', ']'] }[name] ?? ['', ''];
    return { tag: 'mrow', children: [...(open ? [leaf('mo', open, { stretchy: 'true', fence: 'true' })] : []), table, ...(close ? [leaf('mo', close, { stretchy: 'true', fence: 'true' })] : [])] };
  }
}

function tableOf(rows: MathNode[][], align: string): MathNode {
  const wanted = rows.filter(row => row.some(cell => cell.children?.length));
  return { tag: 'mtable', children: wanted.map(row => ({ tag: 'mtr', children: row.map(cell => ({ tag: 'mtd', attributes: { style: `text-align: ${align}; padding: 0.12em 0.5em 0.12em 0` }, children: [cell] })) })) };
}

/** Each line of a formula as a tree. */
export function linesOf(source: string): MathNode[] {
  const reader = new Reader(source), rows = reader.rows();
  return rows.filter(row => row.some(cell => cell.children!.length)).map(row => ({ tag: 'mrow', children: row.flatMap(cell => cell.children!) }));
}

/** A formula as elements, one <math> a line; text goes in as text. */
export function mathOf(source: string, doc: Document): Element[] {
  return linesOf(source).map(line => {
    const math = doc.createElementNS(NS, 'math');
    math.setAttribute('displaystyle', 'true');
    math.append(element(line, doc));
    return math;
  });
}

function element({ tag, text, attributes = {}, children }: MathNode, doc: Document): Element {
  const el = doc.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) if (name !== 'limits') el.setAttribute(name, value);
  if (text !== undefined) el.textContent = text;
  for (const child of children ?? []) el.append(element(child, doc));
  return el;
}
