// What Airbyte's keywords mean for react-jsonschema-form:
// https://docs.airbyte.com/connector-development/connector-specification-reference

/** The schema and uiSchema of the form for a spec's `connectionSpecification`. */
export function formOf(specification) {
  return { schema: withTags(specification), uiSchema: uiSchemaOf(specification) };
}

/** The name of the field whose const distinguishes the branches of a oneOf. */
export function tagOf(choice) {
  const fields = Object.entries(choice.oneOf[0].properties);
  return fields.find(([, field]) => "const" in field)[0];
}

/** Names in the order of the form; those without `order` are last, required ones first. */
export function ordered({ properties, required = [] }) {
  const optional = (name) => (required.includes(name) ? 0 : 1);
  const rank = (name) => [properties[name].order ?? Infinity, optional(name), name];
  return Object.keys(properties).sort((left, right) => {
    const [a, b] = [rank(left), rank(right)];
    const at = a.findIndex((value, index) => value !== b[index]);
    return a[at] < b[at] ? -1 : 1;
  });
}

function uiSchemaOf(field) {
  if (field.airbyte_hidden || "const" in field) return { "ui:widget": "hidden" };
  if (field.oneOf) {
    const branches = field.oneOf.map((branch) => ({ ...uiSchemaOf(branch), "ui:branch": true }));
    return { oneOf: branches };
  }
  if (field.properties) {
    return { "ui:order": ordered(field), ...mapValues(field.properties, uiSchemaOf) };
  }
  const ui = {};
  if (field.multiline) ui["ui:widget"] = "textarea";
  else if (field.airbyte_secret) ui["ui:widget"] = "password";
  // Airbyte's date picker is a text field too; the pattern says what it accepts.
  else if (field.format?.startsWith("date")) ui["ui:widget"] = "text";
  if (field.examples?.length) ui["ui:placeholder"] = `For example ${field.examples[0]}`;
  return ui;
}

// With the tag named, only the chosen branch is validated, as in Airbyte's form.
function withTags(field) {
  if (field.oneOf) {
    const oneOf = field.oneOf.map(withTags);
    return { ...field, oneOf, discriminator: { propertyName: tagOf(field) } };
  }
  if (!field.properties) return field;
  return { ...field, properties: mapValues(field.properties, withTags) };
}

function mapValues(properties, change) {
  const changed = ([name, field]) => [name, change(field)];
  return Object.fromEntries(Object.entries(properties).map(changed));
}
