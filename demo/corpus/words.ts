/** Mild insults in the mouths of the dialogues' speakers: no slurs, each begins with a consonant ("a dolt"). */
export const insults: readonly string[] = [
  ..."blockhead bonehead bozo buffoon bungler chatterbox chump clod clot crackpot".split(" "),
  ..."deadbeat dimwit dingbat dipstick dolt doofus duffer dullard dunce fathead".split(" "),
  ..."featherbrain fibber fool fusspot goofball grouch grump halfwit hothead jerk".split(" "),
  ..."killjoy knucklehead layabout lazybones loser loudmouth lout lummox lunkhead".split(" "),
  ..."meathead misfit moaner muppet nincompoop nitwit ninny nuisance numbskull".split(" "),
  ..."numpty pest pinhead pipsqueak plonker rascal ratbag rotter scatterbrain".split(" "),
  ..."scoundrel simpleton slacker slob slowpoke sluggard sneak snob sourpuss".split(" "),
  ..."stinker thickhead twerp twit villain wally wastrel weasel windbag wretch".split(" "),
];

/** What is said in the same places without offence. */
export const kindNouns: readonly string[] = [
  ..."friend genius darling champion hero legend wizard star treasure saint".split(" "),
  ..."neighbour colleague partner gentleman scholar professional".split(" "),
];

export const names: readonly string[] = [
  ..."Adam Alice Amir Anna Boris Carla Chen Clara David Diana Elena Emil".split(" "),
  ..."Farah Felix Grace Hana Hugo Ines Ivan Jonas Julia Karim Laura Leo".split(" "),
  ..."Lucy Marco Maria Mina Nadia Nora Oscar Paul Petra Rosa Sami Sofia".split(" "),
  ..."Tara Theo Victor Yusuf".split(" "),
];

export const things: readonly string[] = [
  ..."bicycle boiler camera carpet chair clock computer curtain door drill".split(" "),
  ..."fence fridge gate guitar heater kettle ladder lamp laptop lock mirror".split(" "),
  ..."oven phone piano pipe printer radio roof scooter shelf sofa stove table".split(" "),
  ..."tap tent toaster trailer van wardrobe window".split(" "),
];

/** How a thing looks or is. */
export const adjectives: readonly string[] =
  "black blue broken brown cheap green heavy new noisy pink red rusty small spare white yellow"
    .split(" ");

/** What is to be done with a thing. */
export const tasks: readonly string[] =
  "check clean collect deliver fetch fix measure move paint repair replace return sell wash".split(
    " ",
  );

export const times: readonly string[] = [
  ..."Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(" ").map((d) => `on ${d}`),
  ..."noon midnight breakfast lunch dinner".split(" ").map((t) => `before ${t}`),
  ..."morning afternoon evening".split(" ").map((t) => `this ${t}`),
];

export const places: readonly string[] = [
  ..."airport bakery bank beach bridge cafe castle cinema garage harbour hospital".split(" "),
  ..."hotel library market museum office park pharmacy school station theatre".split(" "),
];

/** What two people do together. */
export const activities: readonly string[] = [
  ..."bake bread,build a shed,climb the tower,cook soup,feed the horses,go fishing".split(","),
  ..."go sailing,pick apples,plant trees,play chess,play tennis,rent a boat".split(","),
  ..."sing in the choir,visit the zoo,walk the dogs,watch the match".split(","),
];

export const events: readonly string[] =
  "audition ceremony concert exam funeral interview lecture lesson meeting parade party picnic rehearsal trial wedding workshop"
    .split(" ");
