"""The allow-list of names: namespaces, elements, attributes, words of CSS. What is not here does not come back."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of a list that is written as text."""
    return frozenset(text.split())


SVG_NS = "http://www.w3.org/2000/svg"
XLINK_NS = "http://www.w3.org/1999/xlink"
XML_NS = "http://www.w3.org/XML/1998/namespace"

# SVG 1.1 and 2, SVG Tiny 1.2's paint servers and Inkscape's flowed text and meshes. Not here, for they run, load or
# hold foreign text: script, handler, listener, foreignObject, iframe, video, audio, canvas, animation, font-face-uri.
ELEMENTS = words(
    """
    svg g defs symbol use switch a title desc metadata style path rect circle ellipse line polyline polygon text tspan
    tref textPath altGlyph altGlyphDef altGlyphItem glyphRef image marker pattern clipPath mask linearGradient
    radialGradient meshgradient meshGradient meshpatch meshPatch meshrow meshRow mesh hatch hatchpath solidcolor
    solidColor stop filter feBlend feColorMatrix feComponentTransfer feComposite feConvolveMatrix feDiffuseLighting
    feDisplacementMap feDistantLight feDropShadow feFlood feFuncA feFuncB feFuncG feFuncR feGaussianBlur feImage feMerge
    feMergeNode feMorphology feOffset fePointLight feSpecularLighting feSpotLight feTile feTurbulence animate
    animateColor animateMotion animateTransform set mpath discard view cursor font font-face font-face-src
    font-face-name font-face-format glyph missing-glyph hkern vkern flowRoot flowRegion flowRegionExclude flowDiv
    flowPara flowSpan flowLine color-profile
    """
)
ANIMATIONS = frozenset({"animate", "animateColor", "animateMotion", "animateTransform", "set"})
PICTURES = frozenset({"image", "feImage"})
# Text between these children shows, so white space beside what is removed stays.
SHOWS_TEXT = frozenset({"text", "tspan", "tref", "textPath", "a", "altGlyph", "flowPara", "flowSpan", "title", "desc"})
# What their content is, is text: browsers read markup within them as HTML once the drawing stands in a page.
TEXT_ONLY = frozenset({"title", "desc"})

# Presentation attributes of SVG 1.1 and 2, and properties that browsers take from style or animate.
PROPERTIES = words(
    """
    alignment-baseline baseline-shift clip clip-path clip-rule color color-interpolation color-interpolation-filters
    color-profile color-rendering cursor d direction display dominant-baseline enable-background fill fill-opacity
    fill-rule filter flood-color flood-opacity font font-family font-feature-settings font-kerning font-size
    font-size-adjust font-stretch font-style font-variant font-variant-caps font-variation-settings font-weight
    glyph-orientation-horizontal glyph-orientation-vertical height image-rendering inline-size isolation kerning
    letter-spacing lighting-color line-height marker marker-end marker-mid marker-start mask mask-type mix-blend-mode
    offset-distance offset-path offset-rotate opacity overflow paint-order pointer-events r rotate rx ry scale
    shape-inside shape-margin shape-padding shape-rendering shape-subtract solid-color solid-opacity stop-color
    stop-opacity stroke stroke-dasharray stroke-dashoffset stroke-linecap stroke-linejoin stroke-miterlimit
    stroke-opacity stroke-width text-align text-anchor text-decoration text-decoration-color text-decoration-line
    text-decoration-style text-decoration-thickness text-indent text-orientation text-overflow text-rendering
    text-transform transform transform-box transform-origin translate unicode-bidi vector-effect visibility
    white-space width will-change word-spacing writing-mode x y cx cy
    """
)
# Whose value is geometry, numbers, words of the specification or plain text.
PLAIN = words(
    """
    accent-height accumulate additive alphabetic amplitude arabic-form ascent attributeName attributeType azimuth
    baseFrequency baseProfile bbox begin bias by calcMode cap-height class clipPathUnits contentScriptType
    contentStyleType crossorigin decoding descent diffuseConstant divisor download dur dx dy edgeMode elevation end
    exponent externalResourcesRequired fetchpriority filterRes filterUnits focusable focusHighlight format fr from fx fy
    g1 g2 glyph-name glyphRef gradientTransform gradientUnits hanging hatchContentUnits hatchUnits horiz-adv-x
    horiz-origin-x horiz-origin-y hreflang id ideographic in in2 initialVisibility intercept k k1 k2 k3 k4 kernelMatrix
    kernelUnitLength keyPoints keySplines keyTimes lang lengthAdjust limitingConeAngle local markerHeight markerUnits
    markerWidth maskContentUnits maskUnits mathematical max media method min mode name numOctaves offset
    operator order orient orientation origin overline-position overline-thickness panose-1 path pathLength
    patternContentUnits patternTransform patternUnits pitch points pointsAtX pointsAtY pointsAtZ preserveAlpha
    preserveAspectRatio primitiveUnits radius refX refY referrerpolicy rel rendering-intent repeatCount repeatDur
    requiredExtensions requiredFeatures requiredFonts requiredFormats restart result role seed side slope snapshotTime
    spacing specularConstant specularExponent spreadMethod startOffset stdDeviation stemh stemv stitchTiles
    strikethrough-position strikethrough-thickness string surfaceScale systemLanguage tabindex tableValues target
    targetX targetY textLength title to transform-origin type u1 u2 underline-position underline-thickness unicode
    unicode-range units-per-em v-alphabetic v-hanging v-ideographic v-mathematical values version vert-adv-y
    vert-origin-x vert-origin-y viewBox viewTarget widths x-height x1 x2 xChannelSelector y1 y2 yChannelSelector z
    zoomAndPan
    """
)
# Names and text for people and scripts: nothing in them is read as a style or a reference.
FREE_TEXT = frozenset({"class", "id", "title", "unicode", "glyph-name", "name", "d", "points", "path", "lang"})
XLINK = frozenset({"title", "show", "actuate", "type"})
XML = frozenset({"space", "lang", "id"})
# SMIL may not change what a reference points to, names, or the animation itself.
NOT_ANIMATED = frozenset({"id", "attributeName", "attributeType", "begin", "end", "dur", "to", "from", "by", "values"})

# Namespaces of editors and of what they know about a drawing (svgo keeps the same list for removing them).
EDITORS = words(
    """
    http://creativecommons.org/ns# http://web.resource.org/cc/ http://purl.org/dc/elements/1.1/
    http://purl.org/dc/terms/ http://www.w3.org/1999/02/22-rdf-syntax-ns# adobe:ns:meta/
    http://inkscape.sourceforge.net/DTD/sodipodi-0.dtd http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd
    http://www.inkscape.org/namespaces/inkscape http://krita.org/namespaces/svg/krita
    http://ns.adobe.com/AdobeIllustrator/10.0/ http://ns.adobe.com/AdobeSVGViewerExtensions/3.0/
    http://ns.adobe.com/Extensibility/1.0/ http://ns.adobe.com/Flows/1.0/
    http://ns.adobe.com/GenericCustomNamespace/1.0/
    http://ns.adobe.com/Graphs/1.0/ http://ns.adobe.com/ImageReplacement/1.0/ http://ns.adobe.com/SaveForWeb/1.0/
    http://ns.adobe.com/Variables/1.0/ http://ns.adobe.com/XPath/1.0/ http://ns.adobe.com/xap/1.0/
    http://ns.adobe.com/xap/1.0/mm/ http://ns.adobe.com/xap/1.0/g/ http://ns.adobe.com/xap/1.0/g/img/
    http://ns.adobe.com/xap/1.0/t/pg/ http://ns.adobe.com/xap/1.0/sType/ResourceRef#
    http://ns.adobe.com/xap/1.0/sType/ResourceEvent# http://ns.adobe.com/pdf/1.3/
    http://schemas.microsoft.com/visio/2003/SVGExtensions/ http://taptrix.com/vectorillustrator/svg_extensions
    http://www.bohemiancoding.com/sketch/ns http://www.figma.com/figma/ns http://www.serif.com/
    http://www.vector.evaxdesign.sk http://www.openswatchbook.org/uri/2009/osb http://vectornator.io
    https://boxy-svg.com
    """
)
# Layer names and the like that Illustrator and Figma write without a namespace.
EDITOR_ATTRIBUTES = frozenset({"data-name", "inkscape-font-specification"})
EDITOR_PREFIXES = ("data-figma-",)
EDITOR_PROPERTIES = ("-inkscape-",)

# Rules that hold other rules or declarations and load nothing (CSS Conditional, Animations, Cascade 5 and 6).
AT_RULES = words(
    """media supports layer container scope starting-style property keyframes -webkit-keyframes -moz-keyframes
    -o-keyframes -ms-keyframes font-face"""
)
FUNCTIONS = words(
    """
    rgb rgba hsl hsla hwb lab lch oklab oklch color color-mix device-cmyk icc-color light-dark calc min max clamp
    round mod rem sin cos tan asin acos atan atan2 pow sqrt hypot log exp abs sign var env matrix matrix3d translate
    translate3d translatex translatey translatez scale scale3d scalex scaley scalez rotate rotate3d rotatex rotatey
    rotatez skew skewx skewy perspective ref blur brightness contrast drop-shadow grayscale hue-rotate invert
    opacity saturate sepia inset circle ellipse polygon path rect xywh shape ray cubic-bezier steps linear
    linear-gradient radial-gradient conic-gradient repeating-linear-gradient repeating-radial-gradient
    repeating-conic-gradient -webkit-linear-gradient -webkit-radial-gradient format tech local counter counters
    symbols fit-content minmax repeat accesskey
    """
)
# Functions that name a resource, in whatever place (CSS Images 4, Values 5; `expression` is old Explorer's).
LOADING = words(
    """url src image image-set -webkit-image-set cross-fade -webkit-cross-fade element -moz-element expression paint
    -webkit-canvas url-prefix"""
)
PROPERTIES_THAT_RUN = frozenset({"behavior", "-ms-behavior", "-moz-binding"})


def is_attribute(name: str) -> bool:
    """Whether an attribute without a namespace is on the list; case counts, as in XML."""
    return name in PROPERTIES or name in PLAIN or name == "style" or name.startswith(("data-", "aria-"))


def is_editors(name: str) -> bool:
    """Whether an attribute without a namespace is an editor's private one."""
    return name in EDITOR_ATTRIBUTES or name.startswith(EDITOR_PREFIXES)
