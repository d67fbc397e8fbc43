import { createToken, type ITokenConfig, Lexer, type TokenType } from 'chevrotain';

/** Every token type, in the order in which the lexer tries them. */
const order: TokenType[] = [];

/** What can stand in a text that is read elsewhere: `struct event *`, `task_struct.pid`. */
export const Piece: TokenType = createToken({ name: 'Piece', pattern: Lexer.NA, label: 'a text' });

/** Signs that end such a text or belong together, and what is broken. */
const NO_PIECE = new Set(
  'Newline Semicolon Comma LParen RParen UnclosedComment UnclosedString BadNumber'.split(' '),
);

function token(config: ITokenConfig): TokenType {
  const { name, categories = [] } = config;
  const type = createToken(
    NO_PIECE.has(name) ? config : { ...config, categories: [...[categories].flat(), Piece] },
  );
  order.push(type);
  return type;
}

/** What may end a word; `.` and `$` go on with it, as in the names of C's static variables (`count.0`). */
const END = '(?![\\w.$])';

/** Anything that can be a symbol's name: keywords too, so that a label may be called `exit`. */
export const Name: TokenType = createToken({ name: 'Name', pattern: Lexer.NA, label: 'a name' });
/** Words that can stand for a value; the others begin an operation wherever a value is wanted. */
export const ValueName: TokenType = createToken({
  name: 'ValueName',
  pattern: Lexer.NA,
  label: 'a name',
  categories: [Name],
});
export const BinaryOperatorToken: TokenType = createToken({
  name: 'BinaryOperator',
  pattern: Lexer.NA,
  label: 'an operator',
});

function words(
  name: string,
  pattern: string,
  starts: string,
  label: string,
  category: TokenType = ValueName,
): TokenType {
  return token({
    name,
    pattern: new RegExp(`(?:${pattern})${END}`),
    start_chars_hint: [...starts],
    label,
    categories: [category],
  });
}

function word(name: string, text: string, category: TokenType = ValueName): TokenType {
  return words(name, text, text[0]!, `'${text}'`, category);
}

function sign(name: string, text: string, categories: TokenType[] = []): TokenType {
  return token({ name, pattern: text, label: `'${text}'`, categories });
}

export const Newline: TokenType = token({
  name: 'Newline',
  pattern: /\n/,
  line_breaks: true,
  label: 'the end of the line',
});
token({
  name: 'Space',
  pattern: /[ \t\r\f\v\ufeff]+/,
  start_chars_hint: [' ', '\t', '\r', '\f', '\v', '\ufeff'],
  group: Lexer.SKIPPED,
});
token({
  name: 'LineComment',
  pattern: /(?:#|\/\/)[^\n]*/,
  start_chars_hint: ['#', '/'],
  group: Lexer.SKIPPED,
});
token({
  name: 'BlockComment',
  pattern: /\/\*[\s\S]*?\*\//,
  start_chars_hint: ['/'],
  line_breaks: true,
  group: Lexer.SKIPPED,
});
export const UnclosedComment: TokenType = token({
  name: 'UnclosedComment',
  pattern: /\/\*[\s\S]*/,
  start_chars_hint: ['/'],
  line_breaks: true,
});

const restOfLine = /;[^\n]*/y;
/** Dumps of the kernel and of bpftool print source lines behind a `;` at the start of a line. */
token({
  name: 'LineStartComment',
  pattern: (text, offset, matched) => {
    const previous = matched[matched.length - 1];
    if (previous !== undefined && previous.tokenType !== Newline) return null;
    restOfLine.lastIndex = offset;
    return restOfLine.exec(text) as [string] | null;
  },
  start_chars_hint: [';'],
  line_breaks: false,
  group: Lexer.SKIPPED,
});
export const Semicolon: TokenType = sign('Semicolon', ';');

export const StringLiteral: TokenType = token({
  name: 'String',
  pattern: /"(?:[^"\\\n]|\\[^\n])*"/,
  start_chars_hint: ['"'],
  label: 'a string',
});
export const UnclosedString: TokenType = token({
  name: 'UnclosedString',
  pattern: /"[^\n]*/,
  start_chars_hint: ['"'],
  label: 'a string',
});
export const CharLiteral: TokenType = token({
  name: 'Char',
  pattern: /'(?:[^'\\\n]|\\[^\n])'/,
  start_chars_hint: ["'"],
  label: 'a number',
});

// Operators stand before names: `s>` would else be read as the name `s`.
export const CompoundAssign: TokenType = token({
  name: 'CompoundAssign',
  pattern: /(?:s>>|s\/|s%|<<|>>|[-+*/%&|^])=/,
  start_chars_hint: [...'s<>-+*/%&|^'],
  label: "an assignment such as '+='",
});
sign('ShiftLeft', '<<', [BinaryOperatorToken]);
sign('ShiftRight', '>>', [BinaryOperatorToken]);
export const Compare: TokenType = token({
  name: 'Compare',
  pattern: /[=!]=|s?[<>]=?/,
  start_chars_hint: [...'=!s<>'],
  label: "a comparison such as '=='",
});
export const Equals: TokenType = sign('Equals', '=');
export const Plus: TokenType = sign('Plus', '+', [BinaryOperatorToken]);
export const Minus: TokenType = sign('Minus', '-', [BinaryOperatorToken]);
export const Star: TokenType = sign('Star', '*', [BinaryOperatorToken]);
sign('Slash', '/', [BinaryOperatorToken]);
sign('Percent', '%', [BinaryOperatorToken]);
export const Ampersand: TokenType = sign('Ampersand', '&', [BinaryOperatorToken]);
sign('Bar', '|', [BinaryOperatorToken]);
sign('Caret', '^', [BinaryOperatorToken]);
export const Tilde: TokenType = sign('Tilde', '~');
export const Bang: TokenType = sign('Bang', '!');
export const LParen: TokenType = sign('LParen', '(');
export const RParen: TokenType = sign('RParen', ')');
export const LBracket: TokenType = sign('LBracket', '[');
export const RBracket: TokenType = sign('RBracket', ']');
export const Comma: TokenType = sign('Comma', ',');
export const Colon: TokenType = sign('Colon', ':');

export const NumberLiteral: TokenType = token({
  name: 'Number',
  pattern: /(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[0-7]*|[1-9][0-9]*)(?!\w)/,
  start_chars_hint: [...'0123456789'],
  label: 'a number',
});
export const BadNumber: TokenType = token({
  name: 'BadNumber',
  pattern: /[0-9]\w*/,
  start_chars_hint: [...'0123456789'],
  label: 'a number',
});

export const Register: TokenType = token({
  name: 'Register',
  pattern: new RegExp(`[rRwW][0-9]+${END}`),
  start_chars_hint: [...'rRwW'],
  label: 'a register',
});
export const If: TokenType = word('If', 'if', Name);
export const Goto: TokenType = words('Goto', 'gotol?', 'g', "'goto'", Name);
export const MayGoto: TokenType = word('MayGoto', 'may_goto', Name);
export const Call: TokenType = word('Call', 'call');
export const Callx: TokenType = word('Callx', 'callx');
export const Exit: TokenType = word('Exit', 'exit');
export const Lock: TokenType = word('Lock', 'lock');
export const Wide: TokenType = word('Wide', 'll');
export const Skb: TokenType = word('Skb', 'skb');
export const AddrSpaceCast: TokenType = word('AddrSpaceCast', 'addr_space_cast', Name);
export const StoreRelease: TokenType = word('StoreRelease', 'store_release');
export const MemSize: TokenType = words('MemSize', '[us](?:8|16|32|64)', 'us', "a size such as 'u32'", Name);
export const Swap: TokenType = words(
  'Swap',
  '(?:le|be|bswap)(?:16|32|64)',
  'lb',
  "a byte swap such as 'be16'",
  Name,
);
/** LLVM's `atomic_fetch_add`, the kernel log's `atomic64_fetch_add`, `atomic64_xchg`, `atomic64_cmpxchg`. */
export const AtomicCall: TokenType = words(
  'AtomicCall',
  'atomic(?:64)?_(?:fetch_(?:add|and|or|xor)|xchg|cmpxchg)|load_acquire',
  'al',
  "an atomic operation such as 'atomic_fetch_add'",
  Name,
);
/** LLVM's `xchg_64`, `xchg32_32`, `cmpxchg_64`, `cmpxchg32_32`. */
export const Exchange: TokenType = words(
  'Exchange',
  '(?:cmp)?xchg(?:_64|32_32)',
  'cx',
  "an exchange such as 'xchg_64'",
  Name,
);
export const TypeWord: TokenType = token({
  name: 'TypeWord',
  pattern: /@[A-Za-z_]\w*/,
  start_chars_hint: ['@'],
  label: "a type such as '@function'",
});
export const DotName: TokenType = token({
  name: 'DotName',
  pattern: /\.[A-Za-z_$][\w.$]*/,
  start_chars_hint: ['.'],
  label: 'a directive',
  categories: [ValueName],
});
export const Dot: TokenType = token({ name: 'Dot', pattern: '.', label: "'.'" });
export const Identifier: TokenType = token({
  name: 'Identifier',
  pattern: /[A-Za-z_$][\w.$]*/,
  label: 'a name',
  categories: [ValueName],
});
/** Never in a text: asking for it makes the parser complain where a statement should have ended. */
export const EndOfStatement: TokenType = token({
  name: 'EndOfStatement',
  pattern: Lexer.NA,
  label: 'the end of the line',
});

export const ALL_TOKENS: readonly TokenType[] = [Piece, Name, ValueName, BinaryOperatorToken, ...order];
