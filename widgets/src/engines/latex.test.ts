import { describe, expect, it } from 'vitest';
import { linesOf, type MathNode } from './latex';

/** A tree as one line: tag(children) or tag:text. */
const flat = (n: MathNode): string => (n.text !== undefined ? `${n.tag}:${n.text}` : `${n.tag}(${(n.children ?? []).map(flat).join(' ')})`);
const one = (source: string) => linesOf(source).map(line => line.children!.map(flat).join(' ')).join(' / ');

describe('formulas', () => {
  it('read scripts, fractions, roots and accents', () => {
    expect(one(String.raw`x^2`)).toBe('msup(mi:x mn:2)');
    expect(one(String.raw`x_i^{2n}`)).toBe('msubsup(mi:x mi:i mrow(mn:2 mi:n))');
    expect(one(String.raw`\frac{1}{x}`)).toBe('mfrac(mn:1 mi:x)');
    expect(one(String.raw`\tfrac{1}{k} \bar{y}`)).toBe('mstyle(mfrac(mn:1 mi:k)) mrow(mi:y)');
    expect(one(String.raw`\sqrt{\sigma^2 + \varepsilon}`)).toBe('msqrt(mrow(msup(mi:σ mn:2) mo:+ mi:ε))');
    expect(one('1.5 x')).toBe('mn:1.5 mi:x');
    expect(one("f'(x)")).toBe("msup(mi:f mo:′) mo:( mi:x mo:)");
    expect(one('x^23')).toBe('msup(mi:x mn:2) mn:3');
  });

  it('know operators, names, text and spaces', () => {
    expect(one(String.raw`\bar{a} = \bar{y} \odot b`)).toBe('mrow(mi:a) mo:= mrow(mi:y) mo:⊙ mi:b');
    expect(one(String.raw`a \cdot b \otimes c \ast^{\top} d \star e`)).toBe('mi:a mo:⋅ mi:b mo:⊗ mi:c msup(mo:∗ mi:⊤) mi:d mo:⋆ mi:e');
    expect(one(String.raw`\operatorname{max\_pool}(x)`)).toBe('mi:max_pool mo:( mi:x mo:)');
    expect(one(String.raw`x\text{ with }y`)).toBe('mi:x mtext:\u00a0with\u00a0 mi:y');
    expect(one(String.raw`\log \exp \sin \tanh x`)).toBe('mi:log mi:exp mi:sin mi:tanh mi:x');
    expect(one(String.raw`\textstyle\sum_i \bar{y}_i`)).toBe('munder(mo:∑ mi:i) msub(mrow(mi:y) mi:i)');
    expect(one(String.raw`\lVert x \rVert\quad 2`)).toBe('mo:‖ mi:x mo:‖ mspace() mn:2');
    expect(one(String.raw`\mathbf{1}\,\mathrm{grad} \mathrel{+}= x`)).toBe('mrow(mn:1) mspace() mi:grad mo:+= mi:x');
  });

  it('keep fences, lines and cases together', () => {
    expect(one(String.raw`\left(\tfrac{a}{b}\right)^2`)).toBe('msup(mrow(mo:( mstyle(mfrac(mi:a mi:b)) mo:)) mn:2)');
    expect(one(String.raw`\left| x \right.`)).toBe('mrow(mo:| mi:x)');
    expect(one(String.raw`a = b \\ c = d`)).toBe('mi:a mo:= mi:b / mi:c mo:= mi:d');
    expect(one(String.raw`\begin{cases} x & x > 0 \\ 0 & \text{else} \end{cases} + 1`)).toBe('mrow(mo:{ mtable(mtr(mtd(mrow(mi:x)) mtd(mrow(mi:x mo:> mn:0))) mtr(mtd(mrow(mn:0)) mtd(mrow(mtext:else))))) mo:+ mn:1');
  });

  it('show what they do not know, and end whatever comes', () => {
    expect(one(String.raw`\wobble{x}`)).toBe('mtext:\\wobble mi:x');
    for (const broken of ['{', '}', '^', '_', '\\', '\\frac', '\\left(', 'x^', '\\begin{cases} a', '\\sqrt[', '\\text{', '\\end{cases}', '&', '\\\\', '{{{}', '<script>']) expect(Array.isArray(linesOf(broken))).toBe(true);
    expect(one('<b>')).toBe('mo:< mi:b mo:>');
  });
});
