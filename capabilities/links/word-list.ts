// Two hundred and fifty-six words that are easy to tell apart when read over a telephone. Their
// order is part of the protocol: both sides must show the same words.

export const checkWordList: readonly string[] = `
acorn almond amber anchor apple arcade armour arrow autumn badge ballad banner basket
beacon bell berry birch biscuit bishop blizzard boat bonfire bottle boulder branch brass
bread breeze brick bridge bronze brook bucket buffalo butter button cabin cable cactus
candle candy canvas captain carbon cargo carpet carrot castle cavern cedar cello chalk
chapel cherry chestnut chimney cinder circle clock cloud clover cobalt coffee comet compass
cookie copper coral cotton cradle crown crystal current cypress dahlia daisy dancer dawn
delta desert diamond diver dolphin donkey dragon eagle early easel ebony echo elbow elder
engine estuary fable falcon feather fender fern ferry fiddle field finch fjord flint flower
flute fog forest fossil fountain fox frost gable galley garden garlic garnet geyser ginger
giraffe glacier goblet gondola granite grape gravel gravy grove guitar gull guppy hail
hammer harbor harvest hazel heather hedge helmet herald hermit heron hippo hollow honey
horizon hostel ice indigo island ivory jacket jasmine jewel jigsaw juniper kayak kettle
kiosk kitten ladder lagoon lantern lark laurel lavender ledger lemon lighthouse lilac linen
lobster lotus lumber lute magnet magpie mallet mango maple marble market meadow melon
meteor mint mirror monsoon mosaic moss mountain muffin mulberry muslin mustard napkin
nectar needle nickel nutmeg oak oasis oatmeal ocean olive onyx opal orange orchard orchid
osprey oyster paddle palace panther paper parsley pastry peach pebble pelican pepper piano
pigeon pilot pine pixel plum pocket pollen pony poppy prairie prism puddle pumpkin quarry
quartz quill rabbit raven ribbon river robin rocket rose ruby saddle saffron sail salmon
sapphire scarf seal shadow
`
  .trim()
  .split(/\s+/);
