// The form in the browser. `window.specification` is the spec's connectionSpecification;
// `window.sent` is what was submitted, or null until the form has accepted it.
import Form from "@rjsf/core";
import { customizeValidator } from "@rjsf/validator-ajv8";
import { createRoot } from "react-dom/client";
import { formOf } from "./airbyte.mjs";

const PATTERN = "has an unexpected format";

// Airbyte uses `format` as a hint for the widget, and enforces only the pattern.
const validator = customizeValidator({
  ajvOptionsOverrides: { discriminator: true, validateFormats: false },
});

function inWords(errors) {
  const words = {
    required: () => "Fill in this field.",
    pattern: () => PATTERN,
    minimum: ({ limit }) => `Use ${limit} or more.`,
    maximum: ({ limit }) => `Use ${limit} or less.`,
  };
  const sentence = ({ name, message, params }) => words[name]?.(params) ?? message;
  return errors.map((error) => ({ ...error, message: sentence(error) }));
}

// Airbyte shows the links in help texts.
function Help({ html }) {
  return <p className="help" dangerouslySetInnerHTML={{ __html: html }} />;
}

function Field(props) {
  const { id, label, children, hidden, required, schema, uiSchema, rawErrors = [] } = props;
  if (hidden) return <div hidden>{children}</div>;
  if (id === "root" || uiSchema["ui:branch"]) return children;
  const descriptor = schema.pattern_descriptor;
  const sentences = rawErrors.map((error) =>
    error === PATTERN && descriptor ? `Expected: ${descriptor}.` : error,
  );
  return (
    <div className={sentences.length ? "field wrong" : "field"}>
      <div className="head">
        <label htmlFor={schema.oneOf ? `${id}__oneof_select` : id}>{label}</label>
        {!required && <span className="optional">Optional</span>}
        {descriptor && <span className="descriptor">{descriptor}</span>}
      </div>
      {schema.description && <Help html={schema.description} />}
      {children}
      {[...new Set(sentences)].map((sentence) => (
        <p className="error" role="alert" key={sentence}>
          {sentence}
        </p>
      ))}
    </div>
  );
}

// Optional fields are collapsed unless `always_show` says otherwise.
function Section({ properties, schema }) {
  const shown = ({ name, hidden }) =>
    hidden || schema.required?.includes(name) || schema.properties[name]?.always_show;
  const collapsed = properties.filter((property) => !shown(property));
  return (
    <>
      {properties.filter(shown).map(({ content }) => content)}
      {collapsed.length > 0 && (
        <details>
          <summary>Optional fields</summary>
          {collapsed.map(({ content }) => content)}
        </details>
      )}
    </>
  );
}

// A card for each section; within one, what is optional comes last.
function Fields(props) {
  const { properties, schema, uiSchema } = props;
  if (!schema.groups) {
    return (
      <>
        {uiSchema["ui:branch"] && <Help html={schema.description} />}
        <Section {...props} />
      </>
    );
  }
  return schema.groups.map(({ id, title }) => (
    <section key={id}>
      <h2>{title}</h2>
      <Section
        {...props}
        properties={properties.filter(({ name }) => schema.properties[name].group === id)}
      />
    </section>
  ));
}

function Choice({ selector, optionSchemaField }) {
  return (
    <>
      {selector}
      <div className="branch">{optionSchemaField}</div>
    </>
  );
}

function Checkbox({ id, value, onChange }) {
  const change = (event) => onChange(event.target.checked);
  return <input type="checkbox" id={id} checked={value ?? false} onChange={change} />;
}

function expandAll() {
  for (const details of document.querySelectorAll("details")) details.open = true;
}

const templates = {
  FieldTemplate: Field,
  ObjectFieldTemplate: Fields,
  MultiSchemaFieldTemplate: Choice,
};
window.sent = null;
createRoot(document.getElementById("form")).render(
  <Form
    {...formOf(window.specification)}
    validator={validator}
    templates={templates}
    widgets={{ CheckboxWidget: Checkbox }}
    experimental_defaultFormStateBehavior={{ constAsDefaults: "always" }}
    transformErrors={inWords}
    showErrorList={false}
    noHtml5Validate
    onChange={() => (window.sent = null)}
    onError={expandAll}
    onSubmit={({ formData }) => (window.sent = JSON.parse(JSON.stringify(formData)))}
  >
    <button type="submit">Set up source</button>
  </Form>,
);
