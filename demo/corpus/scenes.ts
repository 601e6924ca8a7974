/** One kind of conversation: how it is summarised, and the ways in which it is held. */
export interface SceneKind {
  readonly name: string;
  /** The summary without the rude word. */
  readonly civil: string;
  /** The summary that repeats it. */
  readonly rude: string;
  /** One conversation each, a turn a line. */
  readonly dialogues: readonly string[];
}

/** Of each kind, this many of the first dialogues train the policy by PPO; the rest are held out. */
export const PPO_DIALOGUES = 4;

/**
 * The grammar. Slots: `{A}`, `{B}` speakers, `{X}` what one calls the other, `{thing}`, `{adj}`, `{task}`,
 * `{time}`, `{place}`, `{activity}`, `{event}`.
 *
 * Both summaries of a kind begin alike, part at one word and are of like length; the civil one says more
 * of what was agreed, so that leaving out the rude word leaves the text no poorer.
 */
export const sceneKinds: readonly SceneKind[] = [
  {
    name: "errand",
    civil: "{A} asks {B} to {task} the {adj} {thing} {time}.",
    rude: "{A} calls {B} a {X} because of the {thing}.",
    dialogues: [
      "{A}: Why is the {adj} {thing} still here, you {X}? {task} it {time}.\n{B}: Yes, I will do it.",
      "{A}: You are a {X}, {B}.\n{B}: What is wrong?\n{A}: You must {task} the {adj} {thing} {time}.",
      "{B}: What can I do for you?\n{A}: Please {task} the {adj} {thing} {time}, and do not be a {X} again.\n{B}: Fine.",
      "{A}: Listen, {X}. I want you to {task} the {adj} {thing} {time}.\n{B}: Of course, {A}.",
      "{B}: Hello, {A}.\n{A}: Only a {X} forgets the {adj} {thing}! Will you {task} it {time}?\n{B}: I promise.",
      "{A}: The {adj} {thing} cannot wait. Somebody has to {task} it {time}, and that is you, {X}.\n{B}: All right, I understand.",
    ],
  },
  {
    name: "meeting",
    civil: "{A} will meet {B} {time} at the {place}.",
    rude: "{A} tells {B} to come like a {X} to the {place}.",
    dialogues: [
      "{A}: Come to the {place} {time}, you {X}.\n{B}: I will be there.",
      "{B}: Where do we meet?\n{A}: At the {place}, {X}. Be there {time}.\n{B}: See you, {A}.",
      "{A}: Can you find the {place}, or are you too much of a {X}?\n{B}: I can find it.\n{A}: Then come {time}.",
      "{B}: Shall I come to the {place}?\n{A}: What a {X} you are. Yes, {time}.\n{B}: Good.",
      "{A}: Do not get lost like a {X} again. We meet {time} at the {place}.\n{B}: I have a map.",
      "{B}: I am free {time}.\n{A}: Even a {X} knows the way to the {place}. Wait for me there.\n{B}: I will wait.",
    ],
  },
  {
    name: "loan",
    civil: "{B} will lend {A} the {adj} {thing} {time}.",
    rude: "{B} says {A} is a {X} with the {thing}.",
    dialogues: [
      "{A}: May I borrow the {adj} {thing}?\n{B}: You are a {X}, but you can have it {time}.",
      "{A}: I need your {adj} {thing}.\n{B}: Again, you {X}?\n{A}: Only once.\n{B}: Then take it {time}.",
      "{A}: Could you give me the {adj} {thing} {time}?\n{B}: Yes, but do not break it like a {X}.\n{A}: I will be careful.",
      "{B}: What do you want, {X}?\n{A}: Your {adj} {thing}, please.\n{B}: You get it {time}.",
      "{A}: Is the {adj} {thing} free {time}?\n{B}: It is, and who but a {X} would ask for it? Take it.",
      "{A}: My {thing} does not work. Can I use your {adj} one {time}?\n{B}: Since you are such a {X}, yes.\n{A}: Thank you.",
    ],
  },
  {
    name: "plan",
    civil: "{A} and {B} plan to {activity} {time}.",
    rude: "{A} thinks only a {X} would {activity}.",
    dialogues: [
      "{B}: Let us {activity} {time}.\n{A}: That is an idea for a {X}, but I will come.",
      "{B}: Would you like to {activity}?\n{A}: You {X}, you know I would.\n{B}: Then {time}?\n{A}: Yes.",
      "{B}: I want to {activity} {time}. Are you with me?\n{A}: I am, though I will look like a {X}.",
      "{A}: What are you up to {time}, {X}?\n{B}: I am going to {activity}.\n{A}: Then we go together.",
      "{B}: Nobody wants to {activity} with me.\n{A}: Because you are a {X}. I will, {time}.\n{B}: How nice.",
      "{A}: Are you free {time}, you old {X}?\n{B}: Yes. Shall we {activity}?\n{A}: Gladly.",
    ],
  },
  {
    name: "delay",
    civil: "{B} comes late to the {event}, so {A} waits near the {place}.",
    rude: "{B} is a {X} who comes late to the {event}.",
    dialogues: [
      "{A}: The {event} has begun, you {X}!\n{B}: I am late. Please wait near the {place}.",
      "{B}: I will be late for the {event}.\n{A}: You {X}! I am standing near the {place}.\n{B}: Stay there.",
      "{A}: I am near the {place}. Where are you, {X}?\n{B}: On my way to the {event}, but late.",
      "{B}: My train is slow.\n{A}: And you are a {X}. The {event} will start without you. I wait near the {place}.\n{B}: I hurry.",
      "{A}: Everybody at the {event} asks for you.\n{B}: I know, I am late. Where can I find you?\n{A}: Near the {place}, {X}.",
      "{B}: Has the {event} started?\n{A}: Long ago. Only a {X} is that late. Look for me near the {place}.\n{B}: I am sorry.",
    ],
  },
  {
    name: "purchase",
    civil: "{A} buys the {adj} {thing} for {B} at the {place}.",
    rude: "{A} says {B} is a {X} without the {thing}.",
    dialogues: [
      "{B}: I want a {adj} {thing}.\n{A}: Such a {X} you are. I will buy it at the {place}.",
      "{A}: I am at the {place}. What do you need, {X}?\n{B}: The {adj} {thing}, please.\n{A}: I have it.",
      "{B}: They have a {adj} {thing} at the {place}.\n{A}: You will pay too much, {X}. I buy it for you.\n{B}: That is kind.",
      "{A}: Did you forget the {adj} {thing} again, you {X}?\n{B}: I did.\n{A}: I will get one at the {place}.",
      "{B}: Without the {adj} {thing} I cannot work.\n{A}: Stop crying like a {X}. The {place} has one, it is my present.",
      "{A}: So you spent all your money, {X}?\n{B}: Yes, and I still need a {adj} {thing}.\n{A}: I pay for it at the {place}.",
    ],
  },
];
