/** Markdown as a tree of plain nodes: whoever draws it sets text as text. HTML in the source stays text, links lead only to http and mail. */

export type Inline = string | { mark: 'b' | 'i' | 'code' | 's'; of: Inline[] } | { href: string; of: Inline[] };
export type Block =
  | { type: 'h'; level: number; of: Inline[] } | { type: 'p' | 'quote'; of: Inline[] } | { type: 'code'; text: string } | { type: 'rule' }
  | { type: 'list'; ordered: boolean; items: Inline[][] } | { type: 'table'; head: Inline[][]; rows: Inline[][][]; align: ('left' | 'right' | 'center')[] };

const MOST = 200_000;

export function markdown(source: string): Block[] {
  const lines = source.slice(0, MOST).replace(/\r\n?/g, '\n').split('\n'), blocks: Block[] = [];
  for (let i = 0; i < lines.length;) {
    const line = lines[i]!, heading = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/.exec(line), fence = /^ {0,3}(```+|~~~+)/.exec(line), item = itemOf(line);
    if (!line.trim()) { i++; continue; }
    if (heading) { blocks.push({ type: 'h', level: heading[1]!.length, of: inline(heading[2]!) }); i++; continue; }
    if (/^ {0,3}([-*_])(\s*\1){2,}\s*$/.test(line)) { blocks.push({ type: 'rule' }); i++; continue; }
    if (fence || /^( {4}|\t)/.test(line)) {
      const text: string[] = [];
      if (fence) { for (i++; i < lines.length && !lines[i]!.trim().startsWith(fence[1]!); i++) text.push(lines[i]!); i++; } else for (; i < lines.length && (/^( {4}|\t)/.test(lines[i]!) || !lines[i]!.trim()); i++) text.push(lines[i]!.replace(/^( {4}|\t)/, ''));
      blocks.push({ type: 'code', text: text.join('\n').replace(/\n+$/, '') });
      continue;
    }
    if (item) {
      const items: string[] = [];
      for (; i < lines.length && lines[i]!.trim(); i++) { const next = itemOf(lines[i]!); if (next && next.ordered === item.ordered) items.push(next.text); else items[items.length - 1] += ` ${lines[i]!.trim()}`; }
      blocks.push({ type: 'list', ordered: item.ordered, items: items.map(inline) });
      continue;
    }
    if (line.includes('|') && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[i + 1] ?? '') && lines[i + 1]!.includes('-')) {
      const head = cells(line), align = cells(lines[i + 1]!).map(c => (/^:.*:$/.test(c) ? 'center' : /:$/.test(c) ? 'right' : 'left')), rows: Inline[][][] = [];
      for (i += 2; i < lines.length && lines[i]!.includes('|'); i++) rows.push(head.map((_, k) => inline(cells(lines[i]!)[k] ?? '')));
      blocks.push({ type: 'table', head: head.map(inline), rows, align });
      continue;
    }
    const quote = /^ {0,3}> ?/.test(line), text: string[] = [];
    for (; i < lines.length && lines[i]!.trim() && !/^ {0,3}(#{1,6}\s|```|~~~)/.test(lines[i]!) && !(text.length && itemOf(lines[i]!)); i++) text.push(lines[i]!.replace(quote ? /^ {0,3}> ?/ : /^\s+/, ''));
    blocks.push({ type: quote ? 'quote' : 'p', of: inline(text.join('\n')) });
  }
  return blocks;
}

function itemOf(line: string): { ordered: boolean; text: string } | null {
  const m = /^\s{0,6}(?:([-*+])|(\d{1,9})[.)])\s+(.*)$/.exec(line);
  return m && { ordered: m[2] !== undefined, text: m[3]! };
}

const cells = (line: string) => line.trim().replace(/^\||\|$/g, '').split('|').map(c => c.trim());

const MARKS = /(`+)([\s\S]*?[^`])\1(?!`)|(\*\*|__)(?=\S)([\s\S]*?\S)\3|(\*|_)(?=\S)([\s\S]*?\S)\5|~~(?=\S)([\s\S]*?\S)~~|\[([^\][]*)\]\(\s*([^()\s]*)(?:\s+"[^"]*")?\s*\)/;

export function inline(text: string): Inline[] {
  const out: Inline[] = [];
  for (let rest = text; rest;) {
    const m = MARKS.exec(rest);
    if (!m) { out.push(rest); break; }
    if (m.index > 0) out.push(rest.slice(0, m.index));
    if (m[2] !== undefined) out.push({ mark: 'code', of: [m[2]] });
    else if (m[4] !== undefined) out.push({ mark: 'b', of: inline(m[4]) });
    else if (m[6] !== undefined) out.push({ mark: 'i', of: inline(m[6]) });
    else if (m[7] !== undefined) out.push({ mark: 's', of: inline(m[7]) });
    else out.push(/^(https?:\/\/|mailto:)/i.test(m[9]!) ? { href: m[9]!, of: inline(m[8]!) } : m[0]);
    rest = rest.slice(m.index + m[0].length);
  }
  return out;
}
